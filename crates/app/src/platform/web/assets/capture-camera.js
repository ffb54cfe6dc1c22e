// The camera of the capture app, with what it sees said while it looks: too dark, glare, blurred, not in the frame. Where there is no camera, or it is
// refused, the file field beside it does the same.
"use strict";
(() => {
  const WIDTH = 160, HEIGHT = 101;
  const LONGEST = 2000;
  const LOOK_MS = 350;

  // Luminance of every pixel, 0 to 255.
  const luminance = ({ data, width, height }) => {
    const light = new Float32Array(width * height);
    for (let at = 0; at < light.length; at += 1) light[at] = 0.299 * data[4 * at] + 0.587 * data[4 * at + 1] + 0.114 * data[4 * at + 2];
    return light;
  };
  // How much the picture changes from pixel to pixel (variance of the Laplacian): a blurred one hardly does.
  const sharpness = (light, width, height) => {
    let sum = 0, squares = 0, count = 0;
    for (let y = 1; y < height - 1; y += 1) {
      for (let x = 1; x < width - 1; x += 1) {
        const at = y * width + x;
        const edge = 4 * light[at] - light[at - 1] - light[at + 1] - light[at - width] - light[at + width];
        sum += edge; squares += edge * edge; count += 1;
      }
    }
    return squares / count - (sum / count) ** 2;
  };
  // Sides of the frame (a twelfth in from the border) along which light changes across them: a document that fills the frame shows three or four.
  const sides = (light, width, height) => {
    const inset = Math.round(height / 12), band = Math.round(height / 14);
    const strongest = (from, to, across, read) => {
      let seen = 0, all = 0;
      for (let along = from; along < to; along += 2) {
        let most = 0;
        for (let at = Math.max(1, across - band); at < across + band; at += 1) most = Math.max(most, Math.abs(read(along, at + 1) - read(along, at - 1)));
        if (most > 18) seen += 1;
        all += 1;
      }
      return all > 0 && seen / all > 0.6;
    };
    const row = (x, y) => light[Math.min(height - 1, Math.max(0, y)) * width + x];
    const column = (y, x) => light[y * width + Math.min(width - 1, Math.max(0, x))];
    return [
      strongest(inset * 2, width - inset * 2, inset, row), strongest(inset * 2, width - inset * 2, height - inset, row),
      strongest(inset * 2, height - inset * 2, inset, column), strongest(inset * 2, height - inset * 2, width - inset, column),
    ].filter(Boolean).length;
  };
  // What is to be mended first; "good" when nothing is. A face is not held into a frame.
  const hint = (image, document) => {
    const light = luminance(image);
    let sum = 0, bright = 0;
    for (const value of light) { sum += value; if (value > 248) bright += 1; }
    if (sum / light.length < 45) return "dark";
    if (bright / light.length > 0.08) return "glare";
    if (sharpness(light, image.width, image.height) < (document ? 60 : 25)) return "blur";
    if (document && sides(light, image.width, image.height) < 3) return "frame";
    return "good";
  };

  // A picture no larger than the server keeps, as JPEG: a phone's twelve megapixels would fill the queue for nothing.
  const shrink = async (source, width, height) => {
    const scale = Math.min(1, LONGEST / Math.max(width, height));
    const canvas = document.createElement("canvas");
    canvas.width = Math.round(width * scale); canvas.height = Math.round(height * scale);
    const brush = canvas.getContext("2d");
    // A drawing may have no ground of its own.
    brush.fillStyle = "#fff"; brush.fillRect(0, 0, canvas.width, canvas.height);
    brush.drawImage(source, 0, 0, canvas.width, canvas.height);
    const blob = await new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.88));
    if (!blob) throw new Error("no picture");
    return blob;
  };
  const fromFile = async (file) => {
    const bitmap = await createImageBitmap(file);
    try { return await shrink(bitmap, bitmap.width, bitmap.height); } finally { bitmap.close(); }
  };

  // Sets up one picture. `keep(blob)` takes it; the answer can show a picture that was there before.
  const shot = (place, words, keep) => {
    const find = (name) => place.querySelector(`[data-${name}]`);
    const [live, start, take, preview, say] = ["live", "start", "take", "preview", "say"].map(find);
    const file = place.querySelector("input[type=file]");
    const video = place.querySelector("video");
    const small = document.createElement("canvas");
    small.width = WIDTH; small.height = HEIGHT;
    let stream = null, looking = 0, said = "";
    const tell = (text) => { if (text !== said) { said = text; say.textContent = text; } };
    const stop = () => {
      clearInterval(looking);
      if (stream) stream.getTracks().forEach((track) => track.stop());
      stream = null;
      if (video) { video.hidden = true; take.hidden = true; start.hidden = false; }
    };
    const show = (blob) => {
      if (preview.src) URL.revokeObjectURL(preview.src);
      preview.hidden = !blob;
      if (!blob) { preview.removeAttribute("src"); return; }
      preview.src = URL.createObjectURL(blob);
      if (start) start.textContent = words.camera_again;
    };
    const took = async (blob) => { show(blob); tell(words.camera_taken); await keep(blob); };
    const look = () => {
      if (!video.videoWidth) return;
      const brush = small.getContext("2d", { willReadFrequently: true });
      brush.drawImage(video, 0, 0, WIDTH, HEIGHT);
      const seen = hint(brush.getImageData(0, 0, WIDTH, HEIGHT), place.dataset.facing === "environment");
      place.dataset.seen = seen;
      tell(words[`field_hint_${seen}`]);
    };
    const open = async () => {
      try {
        stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: place.dataset.facing, width: { ideal: 1920 }, height: { ideal: 1080 } }, audio: false });
      } catch {
        // Refused, taken by another program, or none there: the file field is what is left, and it is said.
        tell(words.camera_denied);
        file.focus();
        return;
      }
      video.srcObject = stream;
      await video.play();
      video.hidden = false; preview.hidden = true; start.hidden = true; take.hidden = false;
      take.focus();
      looking = setInterval(look, LOOK_MS);
    };
    if (live && video && navigator.mediaDevices && navigator.mediaDevices.getUserMedia) {
      live.hidden = false;
      start.addEventListener("click", open);
      take.addEventListener("click", async () => {
        if (!video.videoWidth) return;
        const blob = await shrink(video, video.videoWidth, video.videoHeight);
        stop();
        await took(blob);
        start.focus();
      });
      addEventListener("pagehide", stop);
    }
    file.addEventListener("change", async () => {
      if (!file.files.length) return;
      try { await took(await fromFile(file.files[0])); } catch { file.value = ""; tell(words.field_file_bad); }
    });
    return { stop, show(blob) { stop(); file.value = ""; tell(""); show(blob); if (!blob && start) start.textContent = words.camera_start; } };
  };

  capture.camera = { shot, hint, fromFile };
})();
