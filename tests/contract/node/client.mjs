// A SoundReactor client written from bridge/PROTOCOL.md alone, with the npm packages zeromq and @msgpack/msgpack.
//
//   node client.mjs vectors DIR                 read every golden message and write it again
//   node client.mjs live ENDPOINT TOKEN N       send N frames at 30/s, print what came back as JSON
//   node client.mjs lockstep ENDPOINT TOKEN FPS N
//   node client.mjs refused ENDPOINT TOKEN      print the error that answers hello
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { decode, encode } from "@msgpack/msgpack";

const KINDS = ["", "frame", "audio", "hello", "welcome", "control", "status", "ping", "pong", "error", "bye"];

function packFrame(head, payload) {
  const buffer = Buffer.alloc(40 + payload.length);
  buffer.writeUInt8(1, 0);
  buffer.writeUInt8(head.format, 1);
  buffer.writeUInt16LE(head.flags ?? 0, 2);
  buffer.writeUInt32LE(head.session, 4);
  buffer.writeBigUInt64LE(BigInt(head.seq), 8);
  buffer.writeBigInt64LE(BigInt(head.capture_ns), 16);
  buffer.writeUInt16LE(head.width, 24);
  buffer.writeUInt16LE(head.height, 26);
  buffer.writeUInt32LE(payload.length, 28);
  buffer.writeBigUInt64LE(BigInt(head.step ?? 0), 32);
  Buffer.from(payload).copy(buffer, 40);
  return buffer;
}

function readFrame(data) {
  return {
    kind: "frame", format: data.readUInt8(1), flags: data.readUInt16LE(2), session: data.readUInt32LE(4),
    seq: data.readBigUInt64LE(8), capture_ns: data.readBigInt64LE(16), width: data.readUInt16LE(24),
    height: data.readUInt16LE(26), payload_bytes: data.readUInt32LE(28), step: data.readBigUInt64LE(32),
    body: data.subarray(40),
  };
}

function readAudio(data) {
  const head = {
    kind: "audio", format: data.readUInt8(1), flags: data.readUInt16LE(2), session: data.readUInt32LE(4),
    hop: data.readBigUInt64LE(8), capture_ns: data.readBigInt64LE(16), samples: data.readUInt32LE(24),
    age_us: data.readUInt32LE(28), seq: data.readBigUInt64LE(32),
  };
  const sound = [];
  for (let i = 0; i < head.samples; i++) {
    const at = (n) => (head.format === 1 ? data.readFloatLE(40 + 4 * n) : data.readInt16LE(40 + 2 * n) / 32767);
    sound.push([at(2 * i), at(2 * i + 1)]);
  }
  return { ...head, sound };
}

function packMap(kind, map) {
  return Buffer.concat([Buffer.from([KINDS.indexOf(kind)]), encode(map, { useBigInt64: true })]);
}

function read(data) {
  const kind = KINDS[data[0]];
  if (kind === "frame") return readFrame(data);
  if (kind === "audio") return readAudio(data);
  return { kind, ...decode(data.subarray(1), { useBigInt64: true }) };
}

const plain = (value) =>
  JSON.stringify(value, (key, item) => (typeof item === "bigint" ? item.toString() : item));

function checkVectors(folder) {
  const names = readdirSync(folder).filter((name) => name.endsWith(".json")).map((name) => name.slice(0, -5));
  for (const name of names) {
    const data = readFileSync(join(folder, `${name}.bin`));
    // Integers beyond 2**53 lose digits in JSON.parse, so they are read as text.
    const text = readFileSync(join(folder, `${name}.json`), "utf8").replace(/: (-?\d{16,})/g, ': "$1"');
    const meaning = JSON.parse(text);
    const message = read(data);
    for (const [key, expected] of Object.entries(meaning)) {
      if (key === "payload") continue;
      const got = message[key];
      const same = typeof got === "object" ? plain(got) === plain(expected) : String(got) === String(expected);
      if (!same) throw new Error(`${name}: ${key}: expected ${plain(expected)}, got ${plain(got)}`);
    }
    if (message.kind === "frame" && !packFrame(message, message.body).equals(data)) throw new Error(`${name}: bytes`);
    if (message.kind === "audio" && Math.abs(message.sound[3][0] - 0.375) > 1e-4) throw new Error(`${name}: sound`);
  }
  return { checked: names.length };
}

async function connect(endpoint, hello) {
  const { Dealer } = await import("zeromq");
  const socket = new Dealer({ linger: 200, heartbeatInterval: 500, heartbeatTimeout: 1500, receiveTimeout: 20000 });
  socket.connect(endpoint);
  await socket.send(packMap("hello", { protocol: 1, protocol_minor: 0, client: "node", ...hello }));
  const [answer] = await socket.receive();
  return { socket, answer: read(answer) };
}

const picture = (width, height) => Buffer.alloc(width * height * 3, 40);

async function live(endpoint, token, count) {
  const { socket, answer: welcome } = await connect(endpoint, { token, play: "engine" });
  const result = { welcome, hops: [], seqs: [], samples: 0, statuses: 0, errors: [], pong: null };
  let sent = 0;
  const listen = (async () => {
    for (;;) {
      const [data] = await socket.receive();
      const message = read(data);
      if (message.kind === "audio") {
        result.hops.push(Number(message.hop));
        result.seqs.push(Number(message.seq));
        result.samples += message.sound.length;
      } else if (message.kind === "status") result.statuses++;
      else if (message.kind === "pong") result.pong = { t3_ns: process.hrtime.bigint(), ...message };
      else if (message.kind === "error") result.errors.push(message);
      if (message.kind === "audio" && sent >= count && Number(message.seq) >= count) return;
    }
  })();
  await socket.send(packMap("ping", { session: welcome.session, t0_ns: process.hrtime.bigint() }));
  await socket.send(packMap("control", { session: welcome.session, guidance: 1.5 }));
  while (sent < count) {
    sent++;
    const [width, height] = [welcome.picture_width, welcome.picture_height].map(Number);
    const head = { format: 1, session: welcome.session, seq: sent, capture_ns: process.hrtime.bigint(), width, height };
    await socket.send(packFrame({ ...head, session: Number(head.session) }, picture(width, height)));
    await sleep(1000 / 30);
  }
  await listen;
  await socket.send(packMap("bye", { session: welcome.session, reason: "done" }));
  socket.close();
  return result;
}

async function lockstep(endpoint, token, fps, steps) {
  const { socket, answer: welcome } = await connect(endpoint, { token, mode: "lockstep", fps, audio: "int16" });
  const counts = [];
  for (let step = 1; step <= steps; step++) {
    const head = { format: 1, session: Number(welcome.session), seq: step, capture_ns: 0, width: 32, height: 32, step };
    await socket.send(packFrame(head, picture(32, 32)));
    for (;;) {
      const message = read((await socket.receive())[0]);
      if (message.kind === "error") throw new Error(plain(message));
      if (message.kind !== "audio") continue;
      if (Number(message.seq) !== step) throw new Error(`step ${step}: got seq ${message.seq}`);
      counts.push(message.samples);
      break;
    }
  }
  socket.close();
  return { counts };
}

async function refused(endpoint, token) {
  const { socket, answer } = await connect(endpoint, { token });
  socket.close();
  return answer;
}

const [command, ...rest] = process.argv.slice(2);
const commands = {
  vectors: () => checkVectors(rest[0]),
  live: () => live(rest[0], rest[1], Number(rest[2])),
  lockstep: () => lockstep(rest[0], rest[1], Number(rest[2]), Number(rest[3])),
  refused: () => refused(rest[0], rest[1]),
};
console.log(plain(await commands[command]()));
process.exit(0);
