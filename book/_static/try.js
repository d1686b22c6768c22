"use strict";
// "Try it on your own photo": fills each <div class="try-network"> of a page. Nothing is sent anywhere: the
// networks come from this folder on the first use, and a worker computes (network.js).

(() => {
  const FOLDER = document.currentScript.src.replace(/[^/]*$/, "");
  const SIDE = 1024; // pixels of a result, at most
  const TITLES = { original: "the photo", bicubic: "bicubic", srcnn: "SRCNN", mffcn: "MFFCN" };

  const PANEL = `
    <p><label>Your photo <input type="file" accept="image/*"></label>
      or <button type="button" class="ours">take a photo of this book</button></p>
    <p><label>Factor <select class="factor"><option>2<option selected>3<option>4</select></label>
      <label>What to do <select class="task">
        <option value="shrink">make it small, then restore it, and compare
        <option value="enlarge">enlarge it</select></label>
      <button type="button" class="cancel" hidden>Cancel</button></p>
    <p class="said" role="status">Choose a photo of yours, or of someone who agreed, or drop it here. It stays on this
      machine: your browser computes everything.</p>
    <progress max="1" value="0" hidden aria-label="How much is computed"></progress>
    <figure class="result" hidden>
      <div class="pair"><canvas class="before" role="img"></canvas><canvas class="after" role="img"></canvas></div>
      <input type="range" class="border" min="0" max="100" value="50" aria-label="Border between the two pictures, in per cent">
      <p><label>◀ <select class="left"></select></label> <label><select class="right"></select> ▶</label></p>
      <figcaption></figcaption>
    </figure>`;

  function load(file) {
    return new Promise((resolve, reject) => {
      const script = document.createElement("script");
      Object.assign(script, { src: FOLDER + file, onload: resolve, onerror: reject });
      document.head.append(script);
    });
  }

  // As in mffcn_lite: what is wholly transparent gets the colour of the nearest pixel that is not, or is grey.
  function fillHidden({ width, height, data }) {
    let edge = [];
    for (let p = 0; p < width * height; p++) data[4 * p + 3] ? edge.push(p) : data.fill(128, 4 * p, 4 * p + 3);
    const seen = new Uint8Array(width * height);
    for (const p of edge) seen[p] = 1;
    while (edge.length) {
      const next = [];
      for (const p of edge) {
        const x = p % width, beside = [p - width, p + width, x ? p - 1 : -1, x < width - 1 ? p + 1 : -1];
        for (const q of beside.filter((q) => q >= 0 && q < seen.length && !seen[q])) {
          seen[q] = 1;
          data.copyWithin(4 * q, 4 * p, 4 * p + 3);
          next.push(q);
        }
      }
      edge = next;
    }
  }

  // Y, Cb, Cr of BT.601, as in mffcn_lite.pictures; Y alone of a grey photo. Where it has transparency, alpha is last.
  function toPlanes(pixels) {
    const { width, height, data } = pixels;
    const planes = [0, 1, 2, 3].map(() => ({ width, height, data: new Float32Array(width * height) }));
    let grey = true, opaque = true;
    for (let p = 0; p < width * height; p++) opaque &&= data[4 * p + 3] === 255;
    if (!opaque) fillHidden(pixels);
    for (let p = 0; p < width * height; p++) {
      const [r, g, b] = [data[4 * p] / 255, data[4 * p + 1] / 255, data[4 * p + 2] / 255];
      grey &&= r === g && g === b;
      planes[0].data[p] = 0.299 * r + 0.587 * g + 0.114 * b;
      planes[1].data[p] = -0.168735892 * r - 0.331264108 * g + 0.5 * b;
      planes[2].data[p] = 0.5 * r - 0.418687589 * g - 0.081312411 * b;
      planes[3].data[p] = data[4 * p + 3] / 255;
    }
    return [...planes.slice(0, grey ? 1 : 3), ...(opaque ? [] : planes.slice(3))];
  }

  function draw(canvas, planes) {
    const { width, height } = planes[0], pixels = new ImageData(width, height);
    const [cb, cr] = planes.length > 2 ? planes.slice(1) : [], alpha = planes.length % 2 ? null : planes.at(-1);
    for (let p = 0; p < width * height; p++) {
      const y = Math.min(1, Math.max(0, planes[0].data[p])), b = cb ? cb.data[p] : 0, r = cr ? cr.data[p] : 0;
      const rgba = [y + 1.402 * r, y - 0.344136 * b - 0.714136 * r, y + 1.772 * b, alpha ? alpha.data[p] : 1];
      pixels.data.set(rgba.map((v) => 255 * v), 4 * p);
    }
    Object.assign(canvas, { width, height }).getContext("2d").putImageData(pixels, 0, 0);
  }

  // How many pictures a file holds, where the browser says: moving ones, of which an image shows the first.
  async function countPictures(file) {
    if (!file || !self.ImageDecoder) return 1;
    try {
      const decoder = new ImageDecoder({ data: await file.arrayBuffer(), type: file.type });
      await decoder.tracks.ready;
      await decoder.completed;
      return decoder.tracks.selectedTrack.frameCount;
    } catch {
      return 1;
    }
  }

  // mffcn_lite.metrics.psnr of the luminance, clamped to [0, 1].
  function psnr(one, other) {
    let sum = 0;
    one.data.forEach((value, p) => (sum += (Math.min(1, Math.max(0, value)) - other.data[p]) ** 2));
    return 10 * Math.log10(one.data.length / sum);
  }

  function fill(place) {
    place.innerHTML = PANEL;
    const find = (selector) => place.querySelector(selector);
    const [said, progress, result, left, right] = [".said", "progress", ".result", ".left", ".right"].map(find);
    let worker = null, photo = null, pictures = {};

    function stop() {
      worker?.terminate();
      worker = null;
      progress.hidden = find(".cancel").hidden = true;
    }

    function show() {
      for (const [side, select] of [["before", left], ["after", right]]) {
        draw(find(`.${side}`), pictures[select.value]);
        find(`.${side}`).setAttribute("aria-label", TITLES[select.value]);
      }
    }

    function finish(compare, onCard) {
      stop();
      for (const select of [left, right]) {
        select.innerHTML = Object.keys(pictures).map((name) => `<option value="${name}">${TITLES[name]}`).join("");
      }
      [left.value, right.value] = ["bicubic", "mffcn"];
      const scores = Object.entries(pictures).filter(([name]) => name !== "original");
      const words = scores.map(([name, [y]]) => `${TITLES[name]} ${psnr(y, photo[0]).toFixed(2)} dB`);
      find("figcaption").textContent = compare
        ? `PSNR of the luminance against your photo: ${words.join(", ")}. One photo decides nothing.`
        : "Nothing to compare with: what the networks add is a guess.";
      said.textContent = `Done${onCard ? " on the graphics card" : ""}. Move the border, or choose other pictures.`;
      result.hidden = false;
      show();
    }

    async function start() {
      stop();
      const factor = Number(find(".factor").value), shrink = find(".task").value === "shrink";
      const { width, height } = photo[0], times = shrink ? 1 : factor;
      const fitting = SIDE / times / Math.max(width, height);
      if (fitting < 1 || Math.min(width, height) < 8 * factor) {
        const size = [width, height].map((side) => Math.floor(side * fitting)).join("×");
        said.textContent = `The photo has ${width}×${height} pixels; the result may have ${SIDE} a side at most, and ` +
          `the photo needs ${8 * factor} at least. ` +
          (fitting < 1 ? `At ${size} it would fit; or choose another factor.` : "Take a larger one, or another factor.");
        return;
      }
      said.textContent = "Computing…";
      progress.hidden = find(".cancel").hidden = false;
      progress.value = 0;
      if (!self.FACE_NETWORKS) await load("networks.js");
      pictures = shrink ? { original: photo } : {};
      const code = new Blob([`"use strict";${faceNetworks}\n(${faceWorker})();`], { type: "text/javascript" });
      worker = new Worker(URL.createObjectURL(code));
      worker.onerror = () => (stop(), (said.textContent = "This browser could not compute it; try another."));
      worker.onmessage = ({ data: { name, planes, share, finished, onCard } }) => {
        if (planes) pictures[name] = planes;
        // SRCNN takes about a third of the time.
        if (share) progress.value = name === "srcnn" ? share / 3 : 1 / 3 + (share * 2) / 3;
        if (finished) finish(shrink, onCard);
      };
      worker.postMessage({ planes: photo, factor, shrink, networks: self.FACE_NETWORKS });
    }

    async function take(source, file) {
      stop();
      result.hidden = true;
      const count = await countPictures(file);
      if (count > 1) {
        photo = null;
        said.textContent = `This file holds ${count} pictures; save the one that you mean alone.`;
        return;
      }
      try {
        const image = new Image();
        image.src = source;
        await image.decode();
        if (image.width > 4096 || image.height > 4096) throw new Error("too large");
        const canvas = Object.assign(document.createElement("canvas"), { width: image.width, height: image.height });
        const context = canvas.getContext("2d", { willReadFrequently: true });
        context.drawImage(image, 0, 0);
        photo = toPlanes(context.getImageData(0, 0, image.width, image.height));
      } catch {
        photo = null;
        said.textContent = "This is no photo that your browser can read, or one of more than 4,096 pixels a side; " +
          "choose a smaller PNG or JPEG.";
        return;
      }
      await start();
    }

    const takeFile = (file) => file && take(URL.createObjectURL(file), file);
    find("input[type=file]").onchange = ({ target }) => takeFile(target.files[0]);
    place.ondragover = (event) => event.preventDefault();
    place.ondrop = (event) => (event.preventDefault(), takeFile(event.dataTransfer.files[0]));
    find(".ours").onclick = async () => {
      if (!self.FACE_PHOTO) await load("networks.js");
      await take(self.FACE_PHOTO);
    };
    find(".factor").onchange = find(".task").onchange = () => photo && start();
    find(".cancel").onclick = () => (stop(), (said.textContent = "Cancelled."));
    left.onchange = right.onchange = show;
    find(".border").oninput = ({ target }) => find(".pair").style.setProperty("--cut", `${target.value}%`);
  }

  document.addEventListener("DOMContentLoaded", () => document.querySelectorAll(".try-network").forEach(fill));
})();
