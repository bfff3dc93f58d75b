// Plays footage on the wall clock: `now` is a time of day, and segments follow each other as one film.
//
// Keys: space plays and pauses, comma and full stop step a frame, b shows and hides boxes.
const SPEEDS = [0.25, 0.5, 1, 2, 4, 8, 16]
const FRAME = 1 / 25
const LINGER = 200    // a box without a path is shown this long (ms)
const BRIDGE = 2500   // sightings further apart (ms) are not joined
const COLOURS = ["#4cc9f0", "#f9c74f", "#90be6d", "#f3722c", "#c77dff", "#f94144"]

const ICONS = {
  play: "M8 5v14l11-7z", pause: "M6 5h4v14H6zm8 0h4v14h-4z",
  back: "M6 5h2v14H6zm12 0L9 12l9 7z", forward: "M16 5h2v14h-2zM6 5l9 7-9 7z",
  boxes: "M3 5v14h18V5H3zm16 12H5V7h14v10zM8 10h6v5H8z",
  full: "M5 14H3v7h7v-2H5zm0-4V5h5V3H3v7zm14 9h-5v2h7v-7h-2zM14 3v2h5v5h2V3z",
}
const icon = (name) => `<svg viewBox="0 0 24 24" aria-hidden="true"><path d="${ICONS[name]}"/></svg>`

const MARKUP = `
<div class="film" tabindex="-1">
  <div class="stage"><video muted playsinline preload="auto"></video><canvas></canvas></div>
  <input class="scrub" type="range" min="0" max="1000" value="0" step="1" aria-label="Position">
  <div class="controls">
    <button data-act="play" aria-label="Play or pause" title="Play or pause (space)">${icon("play")}</button>
    <button data-act="back" aria-label="One frame back" title="One frame back (,)">${icon("back")}</button>
    <button data-act="forward" aria-label="One frame forward" title="One frame forward (.)">${icon("forward")}</button>
    <output class="clock"></output><span class="grow"></span>
    <select aria-label="Speed" title="Speed">${SPEEDS.map((s) => `<option value="${s}"${s === 1 ? " selected" : ""}>${s}×</option>`).join("")}</select>
    <button data-act="boxes" aria-label="Boxes" title="Boxes (b)" aria-pressed="true">${icon("boxes")}</button>
    <button data-act="full" aria-label="Full screen" title="Full screen">${icon("full")}</button>
  </div>
</div>`

function colour(text) {
  let sum = 0
  for (const sign of text) sum = (sum * 31 + sign.codePointAt(0)) >>> 0
  return COLOURS[sum % COLOURS.length]
}

// Tracks with their sightings in order of time.
function paths(boxes) {
  const found = new Map()
  for (const box of boxes) {
    if (!found.has(box.track)) found.set(box.track, [])
    found.get(box.track).push(box)
  }
  for (const path of found.values()) path.sort((one, other) => one.t - other.t)
  return [...found.values()]
}

// Where a track is at `time`: between two sightings in proportion, or null.
function at(path, time) {
  const after = path.findIndex((box) => box.t >= time)
  const next = after < 0 ? null : path[after]
  const last = after < 0 ? path[path.length - 1] : path[after - 1]
  if (last && next && next.t - last.t <= BRIDGE) {
    const share = (time - last.t) / Math.max(1, next.t - last.t)
    const mix = (key) => last[key] + (next[key] - last[key]) * share
    return {...last, x: mix("x"), y: mix("y"), w: mix("w"), h: mix("h")}
  }
  return [last, next].find((box) => box && Math.abs(box.t - time) <= LINGER) ?? null
}

export function render({model}) {
  const root = document.createElement("div")
  root.className = "os"
  root.innerHTML = MARKUP
  const find = (selector) => root.querySelector(selector)
  const video = find("video"), canvas = find("canvas"), scrub = find(".scrub"), clock = find(".clock"), speed = find("select")
  const paint = canvas.getContext("2d")
  let clip = {}, tracks = [], part = null, shown = true, ended = false, frame = 0, format = null

  const now = () => (part ? part.start + video.currentTime * 1000 : clip.from)

  function seek(time, play) {
    time = Math.min(Math.max(time, clip.from), clip.to)
    const next = clip.parts.find((item) => time >= item.start && time < item.end) ??
      clip.parts.find((item) => item.start >= time) ?? clip.parts[clip.parts.length - 1]
    ended = false
    const go = () => {
      video.currentTime = Math.max(0, Math.min(time - next.start, next.end - next.start - 20)) / 1000
      video.playbackRate = Number(speed.value)
      if (play) video.play().catch(() => {})
    }
    if (next !== part) {
      part = next
      video.src = next.url
      video.addEventListener("loadedmetadata", go, {once: true})
    } else go()
  }

  function toggle() {
    if (!video.paused) return video.pause()
    if (ended) return seek(clip.from, true)
    video.play().catch(() => {})
  }

  const step = (direction) => { video.pause(); seek(now() + direction * FRAME * 1000, false) }

  function draw() {
    const width = canvas.clientWidth, height = canvas.clientHeight, ratio = window.devicePixelRatio || 1
    if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
      canvas.width = Math.round(width * ratio); canvas.height = Math.round(height * ratio)
    }
    paint.setTransform(ratio, 0, 0, ratio, 0, 0)
    paint.clearRect(0, 0, width, height)
    if (!shown || !part || !video.videoWidth) return
    const source = clip.frame ?? {width: video.videoWidth, height: video.videoHeight}
    // The picture stands in the middle of the stage, whatever its shape
    const scale = Math.min(width / source.width, height / source.height)
    const left = (width - source.width * scale) / 2, top = (height - source.height * scale) / 2
    paint.font = "600 12px system-ui, sans-serif"
    for (const path of tracks) {
      const box = at(path, now())
      if (!box) continue
      const x = left + box.x * scale, y = top + box.y * scale
      const text = `${box.label} ${Math.round(box.confidence * 100)} %`
      const long = paint.measureText(text).width + 10
      const label = y > 20 ? y - 20 : y
      paint.strokeStyle = paint.fillStyle = colour(box.label)
      paint.lineWidth = 2
      paint.strokeRect(x, y, box.w * scale, box.h * scale)
      paint.fillRect(x - 1, label, long, 20)
      paint.fillStyle = "#10151c"
      paint.fillText(text, x + 4, label + 14)
    }
  }

  function show() {
    const long = Math.max(1, clip.to - clip.from), time = now()
    scrub.value = String(Math.round((time - clip.from) / long * 1000))
    clock.textContent = format ? `${format.format(time)}.${Math.floor((time % 1000) / 100)}` : ""
    find("[data-act=play]").innerHTML = icon(video.paused ? "play" : "pause")
    draw()
  }

  function loop() {
    if (!video.paused && part) {
      if (now() >= clip.to) { video.pause(); ended = true }
    }
    show()
    frame = requestAnimationFrame(loop)
  }

  function load() {
    clip = model.clip
    root.hidden = !clip.parts?.length
    video.pause()
    part = null
    if (root.hidden) return video.removeAttribute("src")
    tracks = paths(clip.boxes)
    format = new Intl.DateTimeFormat("en-GB", {timeZone: clip.zone, timeStyle: "medium"})
    video.poster = clip.poster ?? ""
    const share = (time) => `${(Math.min(Math.max(time, clip.from), clip.to) - clip.from) / Math.max(1, clip.to - clip.from) * 100}%`
    scrub.style.setProperty("--event-start", share(clip.start))
    scrub.style.setProperty("--event-end", share(Math.max(clip.end, clip.start + (clip.to - clip.from) / 100)))
    seek(clip.start, true)
  }

  const acts = {
    play: toggle,
    back: () => step(-1),
    forward: () => step(1),
    boxes: () => { shown = !shown; find("[data-act=boxes]").setAttribute("aria-pressed", String(shown)) },
    full: () => (document.fullscreenElement ? document.exitFullscreen() : find(".film").requestFullscreen()),
  }
  root.addEventListener("click", (event) => {
    const button = event.target.closest("[data-act]")
    if (button) acts[button.dataset.act]()
    else if (event.target === canvas) toggle()
  })
  scrub.addEventListener("input", () => seek(clip.from + (clip.to - clip.from) * Number(scrub.value) / 1000, !video.paused))
  speed.addEventListener("change", () => { video.playbackRate = Number(speed.value) })
  video.addEventListener("ended", () => {
    const next = clip.parts[clip.parts.indexOf(part) + 1]
    if (next && next.start < clip.to) seek(next.start, true)
    else ended = true
  })
  const pressed = (event) => {
    const target = event.composedPath()[0]
    if (root.hidden || event.ctrlKey || event.metaKey || event.altKey || target.matches?.("input, select, textarea")) return
    const act = {" ": "play", ",": "back", ".": "forward", b: "boxes"}[event.key]
    if (!act || (event.key === " " && target.matches?.("button, a, summary"))) return
    event.preventDefault()
    acts[act]()
  }
  document.addEventListener("keydown", pressed)
  model.on("clip", load)
  model.on("remove", () => {
    document.removeEventListener("keydown", pressed)
    cancelAnimationFrame(frame)
    video.removeAttribute("src")
  })
  load()
  loop()
  return root
}
