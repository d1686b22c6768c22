"use strict";
// A photo that is too large: a frame on it, whose part is taken, or all of it is shrunk, as the reader likes.

// Shows `image` in `place` with a frame of at most `most` pixels a side, and two buttons. Calls chosen(box, width, height)
// with the part of the photo (x, y, width, height) that was taken, and the size in which it is wanted.
self.offerToFit = (place, image, most, chosen) => {
  const { width, height } = image, less = most / Math.max(width, height), scale = Math.min(1, 480 / Math.max(width, height));
  const small = [width, height].map((side) => Math.max(1, Math.round(side * less)));
  const wide = Math.min(most, width), high = Math.min(most, height), step = Math.ceil(Math.max(width, height) / 50);
  place.innerHTML = `
    <div class="whole"><canvas role="img" aria-label="Your photo"></canvas><button type="button" class="frame"
      aria-label="The part that is taken; the arrow keys move it"></button></div>
    <p><button type="button" class="crop">Take the part in the frame, ${wide}×${high}</button>
      <button type="button" class="shrink">Shrink all of it to ${small.join("×")}</button></p>`;
  const [whole, canvas, frame] = [".whole", "canvas", ".frame"].map((part) => place.querySelector(part));
  Object.assign(canvas, { width: Math.max(1, width * scale), height: Math.max(1, height * scale) });
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  let x, y;

  function moveTo(left, top) {
    x = Math.round(Math.min(width - wide, Math.max(0, left)));
    y = Math.round(Math.min(height - high, Math.max(0, top)));
    const shares = { left: x / width, top: y / height, width: wide / width, height: high / height };
    for (const [key, share] of Object.entries(shares)) frame.style[key] = `${100 * share}%`;
  }

  moveTo((width - wide) / 2, (height - high) / 2);
  const centre = (across, down) => moveTo(across * width - wide / 2, down * height - high / 2);
  self.dragAcross(whole, () => frame.focus({ preventScroll: true }), centre);
  frame.onkeydown = (event) => {
    const way = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] }[event.key];
    if (way) event.preventDefault(), moveTo(x + way[0], y + way[1]);
  };
  place.querySelector(".crop").onclick = () => chosen([x, y, wide, high], wide, high);
  place.querySelector(".shrink").onclick = () => chosen([0, 0, width, height], ...small);
  place.hidden = false;
};
