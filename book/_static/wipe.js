"use strict";
// A line across pictures that follows a finger, a mouse or a key: the first page's face, and the panel's pair.

// Calls begin() when a finger or the mouse goes down on a part, and then move(across, down) with where it is: 0 at the
// left or upper edge, 1 at the other one, and beyond while it is still down.
self.dragAcross = (part, begin, move) => {
  const follow = ({ clientX, clientY }) => {
    const { left, top, width, height } = part.getBoundingClientRect();
    move((clientX - left) / width, (clientY - top) / height);
  };
  part.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    event.preventDefault(); // pictures are not to be dragged away, nor words to be marked
    part.setPointerCapture(event.pointerId);
    begin();
    follow(event);
  });
  part.addEventListener("pointermove", (event) => part.hasPointerCapture(event.pointerId) && follow(event));
};

// The face has stops, 0 to 3. Its place, in hundredths, is how far it has come: 158 lies between stops 1 and 2, and there
// the line stands at 58% of the width, with stop 2 left of it and stop 1 right of it.
(() => {
  function start(figure) {
    const slider = figure.querySelector("input"), stage = figure.querySelector(".stage");
    const layers = [...figure.querySelectorAll(".layer")], buttons = [...figure.querySelectorAll("button")];
    const names = layers.map((layer) => layer.dataset.stop), last = 100 * (names.length - 1);
    let base = 0; // the stop right of the line

    function show(place) {
      place = Math.round(Math.min(last, Math.max(0, place)));
      base = Math.max(0, Math.ceil(place / 100) - 1);
      const cut = place - 100 * base, chosen = cut ? base + 1 : base;
      slider.value = place;
      figure.style.setProperty("--cut", `${cut}%`);
      layers.forEach((layer, i) => {
        layer.hidden = i !== base && i !== base + 1;
        layer.classList.toggle("left", i === base + 1);
        layer.classList.toggle("gone", i === base + (cut ? 0 : 1) && cut % 100 === 0); // nothing of it is left to name
      });
      buttons.forEach((button, i) => button.setAttribute("aria-pressed", i === chosen));
      const words = `${names[chosen]} left of the line at ${cut}%, ${names[base]} right of it`;
      slider.setAttribute("aria-valuetext", cut % 100 ? words : `${names[chosen]} alone`);
    }

    const choose = (i) => show(100 * i);
    let held = 0; // the stop right of the line when the finger went down
    const begin = () => ((held = base), slider.focus({ preventScroll: true }));
    self.dragAcross(stage, begin, (across) => show(100 * (held + across)));
    slider.addEventListener("input", () => show(Number(slider.value)));
    // Keys work where nothing else has the focus, too, as long as the face is on the screen.
    document.addEventListener("keydown", (event) => {
      const at = document.activeElement, { top, bottom } = stage.getBoundingClientRect();
      const free = at === document.body && bottom > 0 && top < innerHeight;
      if (event.ctrlKey || event.metaKey || event.altKey || !(free || figure.contains(at))) return;
      const upright = at === slider ? { ArrowDown: -4, ArrowUp: 4 } : {}; // else they scroll
      const step = { ArrowLeft: -4, ArrowRight: 4, ...upright }[event.key];
      if (step) event.preventDefault(), show(Number(slider.value) + step);
      else if (names[event.key - 1]) choose(event.key - 1);
    });
    buttons.forEach((button, i) => button.addEventListener("click", () => choose(i)));
    show(Number(slider.value));
  }

  document.addEventListener("DOMContentLoaded", () => document.querySelectorAll(".face-wipe").forEach(start));
})();
