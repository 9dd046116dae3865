// Plays one sound at a time with the pictures it belongs to. Nothing is loaded: all of it is in the page.
class Player {
  // canvas: where the pictures are drawn. sheet: {uri, tile, columns, count}; tile k is shown from (k + 1)/30 s on.
  constructor(canvas, sheet) {
    this.context = canvas.getContext("2d");
    this.size = canvas.width;
    this.sheet = sheet;
    this.tiles = new Image();
    this.tiles.onload = () => this.draw(0);
    this.tiles.src = sheet.uri;
    this.sounds = new Map();
    this.playing = null;
  }

  // onTime(name, seconds heard, share of the whole) and onEnd(name) are told how it goes.
  add(name, uri, onTime = () => {}, onEnd = () => {}) {
    const audio = new Audio(uri);
    audio.preload = "auto";
    audio.addEventListener("ended", () => { this.playing = null; onTime(name, 1); onEnd(name); });
    this.sounds.set(name, { audio, onTime });
  }

  play(name) {
    this.stop();
    this.playing = name;
    const { audio } = this.sounds.get(name);
    audio.currentTime = 0;
    audio.play();
    this.follow(name);
  }

  stop() {
    if (this.playing !== null) this.sounds.get(this.playing).audio.pause();
    this.playing = null;
  }

  follow(name) {
    if (this.playing !== name) return;
    const { audio, onTime } = this.sounds.get(name);
    this.draw(Math.floor(audio.currentTime * 30) - 1);
    onTime(name, audio.duration ? audio.currentTime / audio.duration : 0);
    requestAnimationFrame(() => this.follow(name));
  }

  draw(index) {
    const { tile, columns, count } = this.sheet;
    const k = Math.min(count - 1, Math.max(0, index));
    const left = (k % columns) * tile, top = Math.floor(k / columns) * tile;
    this.context.drawImage(this.tiles, left, top, tile, tile, 0, 0, this.size, this.size);
  }
}
