"use strict";
// The two networks of the book without PyTorch: what a page needs to restore a photo by itself.
// A picture is {height, width, data}: one plane of floats in [0, 1], row by row. The Python beside each
// function computes the same; tests/test_browser.py holds the two against each other.

function faceNetworks() {
  const TILE = 128; // pixels of a result that are computed at a time, without their surroundings

  // mffcn_lite.degrade.cubic: Keys' kernel, a = −0.5.
  function cubic(x) {
    x = Math.abs(x);
    if (x <= 1) return (1.5 * x - 2.5) * x * x + 1;
    return x < 2 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : 0;
  }

  // mffcn_lite.degrade._matrix, antialiased: for each target pixel its first source pixel and the weights from there.
  function resamplingRows(source, target) {
    const scale = source / target, wide = Math.max(scale, 1), rows = [];
    for (let i = 0; i < target; i++) {
      const centre = (i + 0.5) * scale;
      const first = Math.max(0, Math.floor(centre - 2 * wide + 0.5));
      const last = Math.min(source, Math.floor(centre + 2 * wide + 0.5));
      const weights = [];
      for (let j = first; j < last; j++) weights.push(cubic((j + 0.5 - centre) / wide));
      const sum = weights.reduce((a, b) => a + b, 0);
      rows.push({ first, weights: weights.map((w) => w / sum) });
    }
    return rows;
  }

  // mffcn_lite.degrade.resample: bicubic, antialiased, to a size; columns first, then rows.
  function resample(picture, height, width) {
    const narrow = new Float32Array(picture.height * width);
    resamplingRows(picture.width, width).forEach(({ first, weights }, x) => {
      for (let y = 0; y < picture.height; y++) {
        let sum = 0;
        weights.forEach((w, k) => (sum += w * picture.data[y * picture.width + first + k]));
        narrow[y * width + x] = sum;
      }
    });
    const data = new Float32Array(height * width);
    resamplingRows(picture.height, height).forEach(({ first, weights }, y) => {
      weights.forEach((w, k) => {
        const from = (first + k) * width;
        for (let x = 0; x < width; x++) data[y * width + x] += w * narrow[from + x];
      });
    });
    return { height, width, data };
  }

  // mffcn_lite.degrade.downsample: the side over the factor, rounded, halves upwards.
  function downsample(picture, factor) {
    const side = (length) => Math.floor(length / factor + 0.5);
    return resample(picture, side(picture.height), side(picture.width));
  }

  function withBorder(map, height, width, border) {
    const wide = width + 2 * border, data = new Float32Array((height + 2 * border) * wide);
    for (let y = 0; y < height; y++) data.set(map.subarray(y * width, (y + 1) * width), (y + border) * wide + border);
    return data;
  }

  // torch.nn.functional.conv2d with zeros beyond the border, then the ReLU where the layer has one. maps: an array
  // of planes. A kernel's row is added to a row of pixels five taps at a time, so that each sum is fetched once.
  function convolve(maps, layer, height, width) {
    const { side, weights, bias, relu } = layer, wide = width + side - 1;
    const given = maps.map((map) => withBorder(map, height, width, side >> 1));
    return Array.from(bias, (start, o) => {
      const out = new Float32Array(height * width).fill(start);
      given.forEach((map, i) => {
        for (let k = 0; k < side * side; ) {
          const five = (k % side) + 5 <= side, at = (o * maps.length + i) * side * side + k;
          const [a, b, c, d, e] = weights.subarray(at, at + 5), shift = Math.floor(k / side) * wide + (k % side);
          for (let y = 0; y < height; y++) {
            let p = y * width, q = y * wide + shift;
            const end = p + width;
            if (five) {
              for (; p < end; p++, q++) out[p] += a * map[q] + b * map[q + 1] + c * map[q + 2] + d * map[q + 3] + e * map[q + 4];
            } else {
              for (; p < end; p++, q++) out[p] += a * map[q];
            }
          }
          k += five ? 5 : 1;
        }
      });
      if (relu) for (let p = 0; p < out.length; p++) if (out[p] < 0) out[p] = 0;
      return out;
    });
  }

  // MFFCN.forward, and SRCNN's: a chain; layer n takes, below its predecessor's maps, those of layer `skips[n]`.
  function forward(network, picture) {
    const { height, width, data } = picture, maps = [[data]];
    network.layers.forEach((layer, j) => {
      const partner = network.skips[j + 1];
      const given = partner === undefined ? maps[j] : maps[j].concat(maps[partner]);
      maps.push(convolve(given, layer, height, width));
    });
    const out = maps[maps.length - 1][0];
    if (network.residual) for (let p = 0; p < out.length; p++) out[p] += data[p];
    return { height, width, data: out };
  }

  function cut(picture, top, left, height, width) {
    const data = new Float32Array(height * width);
    for (let y = 0; y < height; y++) {
      const from = (top + y) * picture.width + left;
      data.set(picture.data.subarray(from, from + width), y * width);
    }
    return { height, width, data };
  }

  // mffcn_lite.pictures.enlarge: tiles that overlap by as far as the network looks, so that no seam is left.
  async function restore(network, picture, onTile = () => {}, compute = forward) {
    const { height, width } = picture, data = new Float32Array(height * width), r = network.radius;
    const tiles = Math.ceil(height / TILE) * Math.ceil(width / TILE);
    let done = 0;
    for (let top = 0; top < height; top += TILE) {
      for (let left = 0; left < width; left += TILE) {
        const bottom = Math.min(height, top + TILE), right = Math.min(width, left + TILE);
        const y = Math.max(0, top - r), x = Math.max(0, left - r);
        const around = cut(picture, y, x, Math.min(height, bottom + r) - y, Math.min(width, right + r) - x);
        const tile = cut(await compute(network, around), top - y, left - x, bottom - top, right - left);
        for (let row = 0; row < tile.height; row++) {
          data.set(tile.data.subarray(row * tile.width, (row + 1) * tile.width), (top + row) * width + left);
        }
        onTile(++done / tiles);
      }
    }
    return { height, width, data };
  }

  // `convolve` for a graphics card: a thread for each pixel of each map.
  const SHADER = `
    struct Layer { height: i32, width: i32, inputs: i32, outputs: i32, side: i32, relu: i32 };
    @group(0) @binding(0) var<uniform> layer: Layer;
    @group(0) @binding(1) var<storage, read> maps: array<f32>;
    @group(0) @binding(2) var<storage, read> numbers: array<f32>; // the weights, then the bias
    @group(0) @binding(3) var<storage, read_write> result: array<f32>;

    @compute @workgroup_size(8, 8)
    fn convolve(@builtin(global_invocation_id) id: vec3<u32>) {
      let at = vec3<i32>(id);
      if (at.x >= layer.width || at.y >= layer.height) { return; }
      let taps = layer.side * layer.side;
      var sum = numbers[layer.outputs * layer.inputs * taps + at.z];
      for (var i = 0; i < layer.inputs; i++) {
        for (var k = 0; k < taps; k++) {
          let y = at.y + k / layer.side - layer.side / 2;
          let x = at.x + k % layer.side - layer.side / 2;
          if (y >= 0 && y < layer.height && x >= 0 && x < layer.width) {
            let weight = numbers[(at.z * layer.inputs + i) * taps + k];
            sum += weight * maps[(i * layer.height + y) * layer.width + x];
          }
        }
      }
      if (layer.relu == 1 && sum < 0) { sum = 0; }
      result[(at.z * layer.height + at.y) * layer.width + at.x] = sum;
    }`;

  // `forward` on the graphics card, by WebGPU; null where the browser has none.
  async function graphicsCard() {
    const device = await (await navigator.gpu?.requestAdapter())?.requestDevice();
    if (!device) return null;
    const compute = { module: device.createShaderModule({ code: SHADER }), entryPoint: "convolve" };
    const pipeline = await device.createComputePipelineAsync({ layout: "auto", compute });
    const { UNIFORM, STORAGE, COPY_SRC, COPY_DST, MAP_READ } = GPUBufferUsage;

    return async (network, { height, width, data }) => {
      const plane = 4 * height * width, buffers = []; // a plane in bytes
      const create = (size, usage) => {
        buffers.push(device.createBuffer({ size, usage }));
        return buffers.at(-1);
      };
      const send = (numbers, usage) => {
        const buffer = create(numbers.byteLength, usage | COPY_DST);
        device.queue.writeBuffer(buffer, 0, numbers);
        return buffer;
      };
      const commands = device.createCommandEncoder();
      const maps = [send(data, STORAGE | COPY_SRC)];
      network.layers.forEach(({ inputs, outputs, side, relu, numbers }, j) => {
        const given = create(plane * inputs, STORAGE | COPY_DST);
        const out = create(plane * outputs, STORAGE | COPY_SRC);
        let to = 0; // the predecessor's maps, and below them those of a partner
        for (const from of [maps[j], maps[network.skips[j + 1]]].filter(Boolean)) {
          commands.copyBufferToBuffer(from, 0, given, to, from.size);
          to += from.size;
        }
        const facts = send(new Int32Array([height, width, inputs, outputs, side, Number(relu)]), UNIFORM);
        const resources = [facts, given, send(numbers, STORAGE), out];
        const entries = resources.map((buffer, binding) => ({ binding, resource: { buffer } }));
        const layout = pipeline.getBindGroupLayout(0), pass = commands.beginComputePass();
        pass.setPipeline(pipeline);
        pass.setBindGroup(0, device.createBindGroup({ layout, entries }));
        pass.dispatchWorkgroups(Math.ceil(width / 8), Math.ceil(height / 8), outputs);
        pass.end();
        maps.push(out);
      });
      const read = create(plane, MAP_READ | COPY_DST);
      commands.copyBufferToBuffer(maps.at(-1), 0, read, 0, plane);
      device.queue.submit([commands.finish()]);
      await read.mapAsync(GPUMapMode.READ);
      const out = new Float32Array(read.getMappedRange().slice(0));
      if (network.residual) for (let p = 0; p < out.length; p++) out[p] += data[p];
      buffers.forEach((buffer) => buffer.destroy());
      return { height, width, data: out };
    };
  }

  let card; // asked for once, whatever the number of networks

  // The card, if it gives what the loops above give for a corner of the picture; else the loops.
  async function fastest(network, picture) {
    const corner = cut(picture, 0, 0, Math.min(48, picture.height), Math.min(48, picture.width));
    try {
      const compute = await (card ??= graphicsCard());
      if (!compute) return forward;
      const want = forward(network, corner).data, { data } = await compute(network, corner);
      if (!data.every((value, p) => Math.abs(value - want[p]) < 1e-3)) return forward;
      return (...given) => compute(...given).catch(() => forward(...given)); // should it fail later
    } catch {
      return forward;
    }
  }

  // Base64 of little-endian float32, as book/build/make_browser.py writes it, to the layers of a network.
  function unpack(network) {
    const bytes = Uint8Array.from(atob(network.numbers), (letter) => letter.charCodeAt(0));
    const numbers = new Float32Array(bytes.buffer);
    let at = 0;
    const take = (count) => numbers.subarray(at, (at += count));
    const layers = network.layers.map((layer) => {
      const count = layer.outputs * layer.inputs * layer.side ** 2, own = take(count + layer.outputs);
      return { ...layer, numbers: own, weights: own.subarray(0, count), bias: own.subarray(count) };
    });
    return { ...network, layers };
  }

  return { resample, downsample, forward, fastest, restore, unpack };
}

// In a worker: a photo comes in, pictures and progress go out. The page stays alive meanwhile, and ends the
// worker to cancel. Of a colour photo the networks get the luminance; its colours are enlarged bicubically.
function faceWorker() {
  const { downsample, resample, forward, fastest, restore, unpack } = faceNetworks();

  self.onunhandledrejection = ({ reason }) => { throw reason; }; // what fails below is this worker's error
  self.onmessage = async ({ data: { planes, factor, shrink, networks } }) => {
    const small = shrink ? planes.map((plane) => downsample(plane, factor)) : planes;
    const height = shrink ? planes[0].height : planes[0].height * factor;
    const width = shrink ? planes[0].width : planes[0].width * factor;
    const [blurred, ...colours] = small.map((plane) => resample(plane, height, width));
    self.postMessage({ name: "bicubic", planes: [blurred, ...colours] });
    let onCard = true;
    for (const [name, packed] of Object.entries(networks)) {
      const onTile = (share) => self.postMessage({ name, share });
      const network = unpack(packed), compute = await fastest(network, blurred);
      onCard &&= compute !== forward;
      self.postMessage({ name, planes: [await restore(network, blurred, onTile, compute), ...colours] });
    }
    self.postMessage({ finished: true, onCard });
  };
}

if (typeof module !== "undefined") module.exports = { faceNetworks }; // for the tests, in Node
