// The signature pad of the capture app: mouse, finger or pen. Whoever cannot draw chooses a picture in the file field beside it.
"use strict";
(() => {
  const pad = (place, words, keep) => {
    const canvas = place.querySelector("canvas");
    const file = place.querySelector("input[type=file]");
    const preview = place.querySelector("[data-preview]");
    const say = place.querySelector("[data-say]");
    const brush = canvas.getContext("2d");
    let drawing = false, last = null, drawn = false;
    const blank = () => {
      brush.fillStyle = "#fff"; brush.fillRect(0, 0, canvas.width, canvas.height);
      brush.lineWidth = 5; brush.lineCap = "round"; brush.lineJoin = "round"; brush.strokeStyle = "#101c22";
      drawn = false;
    };
    const point = (event) => {
      const box = canvas.getBoundingClientRect();
      return [(event.clientX - box.left) * canvas.width / box.width, (event.clientY - box.top) * canvas.height / box.height];
    };
    const show = (blob) => {
      if (preview.src) URL.revokeObjectURL(preview.src);
      preview.hidden = !blob;
      if (blob) preview.src = URL.createObjectURL(blob); else preview.removeAttribute("src");
    };
    const done = () => {
      if (!drawing) return;
      drawing = false;
      if (drawn) canvas.toBlob(async (blob) => { show(null); say.textContent = words.signed; await keep(blob); }, "image/png");
    };
    canvas.addEventListener("pointerdown", (event) => { drawing = true; last = point(event); canvas.setPointerCapture(event.pointerId); });
    canvas.addEventListener("pointermove", (event) => {
      if (!drawing) return;
      const next = point(event);
      brush.beginPath(); brush.moveTo(...last); brush.lineTo(...next); brush.stroke();
      last = next; drawn = true;
    });
    canvas.addEventListener("pointerup", done);
    canvas.addEventListener("pointercancel", done);
    place.querySelector("[data-clear]").addEventListener("click", async () => { blank(); file.value = ""; show(null); say.textContent = ""; await keep(null); });
    file.addEventListener("change", async () => {
      if (!file.files.length) return;
      try {
        const blob = await capture.camera.fromFile(file.files[0]);
        blank(); show(blob); say.textContent = words.signed;
        await keep(blob);
      } catch { file.value = ""; say.textContent = words.field_file_bad; }
    });
    blank();
    place.querySelector("[data-live]").hidden = false;
    return { stop() {}, show(blob) { blank(); file.value = ""; say.textContent = blob ? words.signed : ""; show(blob); } };
  };
  capture.pad = { pad };
})();
