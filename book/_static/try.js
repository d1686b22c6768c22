"use strict";
// "Your own photo": fills each <div class="try-network"> of a page. Nothing is sent anywhere: the networks come from
// this folder on the first use, and a worker computes (network.js).

(() => {
  const FOLDER = document.currentScript.src.replace(/[^/]*$/, "");
  const SIDE = 1024; // pixels of a result, at most
  const TITLES = { original: "the photo", bicubic: "bicubic", srcnn: "SRCNN", mffcn: "MFFCN" };
  const NO_NETWORKS = "The networks did not load (networks.js): see whether you are connected, and try again.";

  const PANEL = `
    <p><b>Drop a photo here, or choose one.</b> JPEG, PNG or WebP. A result may have up to ${SIDE}×${SIDE} pixels; of a
      larger photo you take a part, or let it be shrunk. It stays on this device: your browser computes everything.</p>
    <p><label>Your photo <input type="file" accept="image/*"></label>
      or <button type="button" class="ours">take a photo of this book</button></p>
    <p><label>Factor <select class="factor"><option>2<option selected>3<option>4</select></label>
      <label>What to do <select class="task">
        <option value="shrink">make it small, then restore it, and compare
        <option value="enlarge">enlarge it</select></label>
      <button type="button" class="cancel" hidden>Cancel</button></p>
    <p class="said" role="status">Choose a photo of yours, or of someone who agreed.</p>
    <progress max="1" value="0" hidden aria-label="How much is computed"></progress>
    <div class="fit" hidden></div>
    <figure class="result" hidden>
      <div class="pair"><canvas class="before" role="img"></canvas><canvas class="after" role="img"></canvas></div>
      <input type="range" class="border" min="0" max="100" value="50" aria-label="Border between the two pictures, in per cent">
      <p><label>Left of it <select class="left"></select></label> <label>Right of it <select class="right"></select></label>
        <button type="button" class="save"></button></p>
      <figcaption></figcaption>
    </figure>`;

  function load(file) {
    return new Promise((resolve, reject) => {
      const script = document.createElement("script");
      const failed = () => (script.remove(), reject(new Error(NO_NETWORKS)));
      Object.assign(script, { src: FOLDER + file, onload: resolve, onerror: failed });
      document.head.append(script);
    });
  }

  const loadNetworks = async () => self.FACE_NETWORKS || (await load("networks.js"));

  function fill(place) {
    place.innerHTML = PANEL;
    const find = (selector) => place.querySelector(selector);
    const [said, progress, fit, result] = [".said", "progress", ".fit", ".result"].map(find);
    const [left, right, cancel] = [".left", ".right", ".cancel"].map(find);
    const task = () => ({ factor: Number(find(".factor").value), shrink: find(".task").value === "shrink" });
    let run = 0; // each start has a number, and what comes later of another one is dropped
    let worker = null, image = null, photo = null, name = "", pictures = {};

    const say = (words) => (said.textContent = words);

    // Ends what is going on; returns the number of what starts now.
    function stop() {
      worker?.terminate();
      worker = null;
      progress.hidden = cancel.hidden = true;
      return ++run;
    }

    function show() {
      for (const [side, select] of [["before", left], ["after", right]]) {
        self.facePhoto.draw(find(`.${side}`), pictures[select.value]);
        find(`.${side}`).setAttribute("aria-label", TITLES[select.value]);
      }
      find(".save").textContent = `Save the right one, ${TITLES[right.value]}`;
      lay();
    }

    function lay() {
      const { width } = pictures[left.value][0], room = Math.min(576, result.clientWidth);
      const times = Math.floor(room / width); // each pixel as a square of whole pixels, where it fits
      find(".pair").style.width = find(".border").style.width = times ? `${times * width}px` : "";
      find(".pair").classList.toggle("squares", times > 0);
    }

    function finish(done, { factor, shrink }, onCard) {
      const watched = document.activeElement === cancel;
      stop();
      pictures = done;
      for (const select of [left, right]) {
        select.innerHTML = Object.keys(pictures).map((key) => `<option value="${key}">${TITLES[key]}`).join("");
      }
      [left.value, right.value] = ["bicubic", "mffcn"];
      const scores = Object.entries(pictures).filter(([key]) => key !== "original");
      const words = scores.map(([key, [y]]) => `${TITLES[key]} ${self.facePhoto.psnr(y, photo[0]).toFixed(2)} dB`);
      find("figcaption").textContent = shrink
        ? `PSNR of the luminance against your photo: ${words.join(", ")}. One photo decides nothing.`
        : "Nothing to compare with: what the networks add is a guess.";
      say(`Done${onCard ? " on the graphics card" : ""}. Move the border, or choose other pictures.`);
      result.hidden = false;
      result.dataset.factor = factor;
      show();
      if (watched) find(".border").focus();
    }

    // Computes, if the photo has a size that can be; else says which would do, and offers it.
    async function start() {
      const mine = stop(), chosen = task(), { factor, shrink } = chosen;
      result.hidden = fit.hidden = true;
      const most = Math.floor(SIDE / (shrink ? 1 : factor)), least = 8 * factor;
      const fits = (width, height) => Math.max(width, height) <= most;
      if (photo && !fits(photo[0].width, photo[0].height)) photo = null; // a part that was taken for another task
      if (!photo && !fits(image.width, image.height)) {
        say(`The photo has ${image.width}×${image.height} pixels, and for this it may have ${most} a side at most. ` +
          "Move the frame to the part that you want, or let all of it be shrunk.");
        return self.offerToFit(fit, image, most, begin);
      }
      photo ??= take([0, 0, image.width, image.height], image.width, image.height);
      const { width, height } = photo[0];
      if (Math.min(width, height) < least) {
        photo = null;
        return say(`The photo has ${width}×${height} pixels, and needs ${least} at least on each side; take a larger one.`);
      }
      say("Computing…");
      progress.hidden = cancel.hidden = false;
      progress.value = 0;
      try {
        await loadNetworks();
      } catch ({ message }) {
        if (mine === run) stop(), say(message);
      }
      if (mine !== run) return;
      const done = shrink ? { original: photo } : {};
      const code = new Blob([`"use strict";${faceNetworks}\n(${faceWorker})();`], { type: "text/javascript" });
      worker = new Worker(URL.createObjectURL(code));
      worker.onerror = () => mine === run && (stop(), say("This browser could not compute it; try another."));
      worker.onmessage = ({ data: { name, planes, share, finished, onCard } }) => {
        if (mine !== run) return;
        if (planes) done[name] = planes;
        // SRCNN takes about a third of the time.
        if (share) progress.value = name === "srcnn" ? share / 3 : 1 / 3 + (share * 2) / 3;
        if (finished) finish(done, chosen, onCard);
      };
      worker.postMessage({ planes: photo, factor, shrink, networks: self.FACE_NETWORKS });
    }

    const take = (box, width, height) => self.facePhoto.toPlanes(self.facePhoto.pixelsOf(image, box, width, height));

    function begin(box, width, height) {
      photo = take(box, width, height);
      start();
      cancel.focus(); // the button that was pressed is gone
    }

    async function open(file, address) {
      const mine = stop();
      result.hidden = fit.hidden = true;
      [image, photo, name] = [null, null, file ? file.name.replace(/\.[^.]*$/, "") : "photo"];
      say("Reading…");
      try {
        if (!file) await loadNetworks();
        const found = await self.facePhoto.read(file, address?.());
        if (mine !== run) return;
        image = found;
      } catch ({ message }) {
        if (mine === run) say(message);
        return;
      }
      start();
    }

    function save() {
      find("canvas.after").toBlob((blob) => {
        const link = document.createElement("a");
        link.href = URL.createObjectURL(blob);
        link.download = `${name}-${right.value}-x${result.dataset.factor}.png`; // as `reconstruct` calls it
        link.click();
        setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
      });
    }

    const cut = (share) => {
      find(".border").value = 100 * Math.min(1, Math.max(0, share));
      find(".pair").style.setProperty("--cut", `${find(".border").value}%`);
    };
    find("input[type=file]").onclick = ({ target }) => (target.value = ""); // or the same file could not be chosen again
    find("input[type=file]").onchange = ({ target }) => target.files[0] && open(target.files[0]);
    place.ondragover = (event) => event.preventDefault();
    place.ondrop = (event) => (event.preventDefault(), event.dataTransfer.files[0] && open(event.dataTransfer.files[0]));
    find(".ours").onclick = () => open(null, () => self.FACE_PHOTO);
    find(".factor").onchange = find(".task").onchange = () => image && start();
    cancel.onclick = () => (stop(), say("Cancelled."), find("input[type=file]").focus());
    left.onchange = right.onchange = show;
    find(".save").onclick = save;
    find(".border").oninput = ({ target }) => cut(target.value / 100);
    self.dragAcross(find(".pair"), () => find(".border").focus({ preventScroll: true }), cut);
    new ResizeObserver(() => result.hidden || lay()).observe(place);
  }

  document.addEventListener("DOMContentLoaded", () => document.querySelectorAll(".try-network").forEach(fill));
})();
