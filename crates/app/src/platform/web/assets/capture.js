// Camera and signature pad of the capture form. Both only fill the file field that is there anyway, so the form sends the same with or without them.
"use strict";
(() => {
  const put = (input, blob, name) => {
    const files = new DataTransfer();
    files.items.add(new File([blob], name, { type: blob.type }));
    input.files = files.files;
    input.dispatchEvent(new Event("change", { bubbles: true }));
  };
  // Bright and dark share of a shot: enough to say "again, please" before anybody has walked away.
  const quality = (canvas) => {
    const small = document.createElement("canvas");
    small.width = 64; small.height = 40;
    const brush = small.getContext("2d");
    brush.drawImage(canvas, 0, 0, 64, 40);
    const { data } = brush.getImageData(0, 0, 64, 40);
    let bright = 0, dark = 0;
    for (let at = 0; at < data.length; at += 4) {
      const light = 0.3 * data[at] + 0.59 * data[at + 1] + 0.11 * data[at + 2];
      if (light > 250) bright += 1;
      if (light < 25) dark += 1;
    }
    const all = data.length / 4;
    return dark / all > 0.7 ? "dark" : bright / all > 0.12 ? "glare" : "taken";
  };

  const camera = (shot) => {
    const input = shot.querySelector("input[type=file]");
    const live = shot.querySelector("[data-live]");
    const video = shot.querySelector("video");
    const preview = shot.querySelector("[data-preview]");
    const [start, take, again] = ["start", "take", "again"].map((name) => shot.querySelector(`[data-${name}]`));
    const say = shot.querySelector("[data-say]");
    let stream = null;
    const stop = () => { if (stream) stream.getTracks().forEach((track) => track.stop()); stream = null; };
    const open = async () => {
      try {
        stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: shot.dataset.shot, width: { ideal: 1920 }, height: { ideal: 1080 } }, audio: false });
      } catch {
        say.textContent = say.dataset.denied;
        return;
      }
      video.srcObject = stream;
      await video.play();
      video.hidden = false; preview.hidden = true; start.hidden = true; take.hidden = false; again.hidden = true;
      say.textContent = "";
    };
    start.addEventListener("click", open);
    again.addEventListener("click", open);
    take.addEventListener("click", () => {
      if (!video.videoWidth) return;
      const canvas = document.createElement("canvas");
      canvas.width = video.videoWidth; canvas.height = video.videoHeight;
      canvas.getContext("2d").drawImage(video, 0, 0);
      const seen = quality(canvas);
      canvas.toBlob((blob) => {
        put(input, blob, `${input.name}.jpg`);
        if (preview.src) URL.revokeObjectURL(preview.src);
        preview.src = URL.createObjectURL(blob);
        preview.hidden = false; video.hidden = true; take.hidden = true; again.hidden = false;
        stop();
        say.textContent = say.dataset[seen];
        again.focus();
      }, "image/jpeg", 0.92);
    });
    addEventListener("pagehide", stop);
    live.hidden = false;
    video.hidden = true;
  };

  const pad = (shot) => {
    const input = shot.querySelector("input[type=file]");
    const live = shot.querySelector("[data-live]");
    const canvas = shot.querySelector("canvas");
    const say = shot.querySelector("[data-say]");
    const brush = canvas.getContext("2d");
    let drawing = false, last = null, drawn = false;
    const blank = () => { brush.fillStyle = "#fff"; brush.fillRect(0, 0, canvas.width, canvas.height); brush.lineWidth = 5; brush.lineCap = "round"; brush.lineJoin = "round"; brush.strokeStyle = "#101c22"; drawn = false; };
    const point = (event) => {
      const box = canvas.getBoundingClientRect();
      return [(event.clientX - box.left) * canvas.width / box.width, (event.clientY - box.top) * canvas.height / box.height];
    };
    canvas.addEventListener("pointerdown", (event) => { drawing = true; last = point(event); canvas.setPointerCapture(event.pointerId); });
    canvas.addEventListener("pointermove", (event) => {
      if (!drawing) return;
      const next = point(event);
      brush.beginPath(); brush.moveTo(...last); brush.lineTo(...next); brush.stroke();
      last = next; drawn = true;
    });
    const keep = () => {
      if (!drawing) return;
      drawing = false;
      if (drawn) canvas.toBlob((blob) => { put(input, blob, `${input.name}.png`); say.textContent = say.dataset.signed; }, "image/png");
    };
    canvas.addEventListener("pointerup", keep);
    canvas.addEventListener("pointercancel", keep);
    shot.querySelector("[data-clear]").addEventListener("click", () => { blank(); input.value = ""; say.textContent = ""; });
    blank();
    live.hidden = false;
  };

  document.querySelectorAll("[data-shot]").forEach((shot) => {
    if ("pad" in shot.dataset) pad(shot);
    else if (navigator.mediaDevices && navigator.mediaDevices.getUserMedia) camera(shot);
  });
})();
