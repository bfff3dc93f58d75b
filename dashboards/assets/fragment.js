// HTML from the server; what people do in it goes back as messages.
//
//   <button data-do="open" data-id="7">          click  -> {do: "open", id: "7"}
//   <select data-do="camera" name="camera">      change -> {do: "camera", name, value, checked}
//   <a data-theme-set="dark">                    remembers the theme, and says so: {do: "theme", value: "dark"}
//   <time data-age="2026-03-29T08:00:00Z">       its text counts up: "12 s ago"
//   data-key="j ArrowDown"                       the key does what a click does
const seconds = (from) => Math.max(0, Math.round((Date.now() - Date.parse(from)) / 1000))

function ago(total) {
  if (total < 90) return `${total} s`
  if (total < 5400) return `${Math.round(total / 60)} min`
  if (total < 172800) return `${Math.round(total / 3600)} h`
  return `${Math.round(total / 86400)} d`
}

// Keys typed into a field are text. Events cross shadow roots, so the first of the path is the real target.
function typing(event) {
  const target = event.composedPath()[0]
  return event.ctrlKey || event.metaKey || event.altKey ||
    (target.matches && target.matches("input:not([type=checkbox]), select, textarea, [contenteditable]"))
}

// Pictures that stay are kept, so that they don't flicker when the rest is drawn anew.
function replace(root, html) {
  const kept = new Map([...root.querySelectorAll("img")].map((image) => [image.src, image]))
  const open = [...root.querySelectorAll("details[open][id]")].map((item) => item.id)
  const scroll = root.querySelector("[data-scroll]")?.scrollTop
  const next = document.createElement("template")
  next.innerHTML = html
  for (const id of open) next.content.getElementById(id)?.setAttribute("open", "")
  root.replaceChildren(next.content)
  for (const image of root.querySelectorAll("img")) {
    const old = kept.get(image.src)
    if (old?.complete && old.className === image.className) { old.alt = image.alt; image.replaceWith(old) }
    kept.delete(image.src)
  }
  if (scroll) root.querySelector("[data-scroll]")?.scrollTo(0, scroll)
}

export function render({model, el}) {
  const root = document.createElement("div")
  root.className = "os"

  const tick = () => {
    for (const item of root.querySelectorAll("[data-age]")) {
      const age = seconds(item.dataset.age)
      item.textContent = `${item.dataset.before ?? ""}${ago(age)}${item.dataset.after ?? ""}`
      const limit = Number(item.dataset.late)
      if (limit) item.closest("[data-state]")?.setAttribute("data-state", age > limit ? "late" : "fresh")
    }
  }
  const missing = (event) => {
    if (event.target.tagName === "IMG") event.target.classList.add("missing")
  }
  const draw = () => {
    replace(root, model.html)
    tick()
    root.querySelector("[data-show]")?.scrollIntoView({block: "nearest"})
  }
  const act = (element, more = {}) => {
    const {do: what, key, ...rest} = element.dataset
    model.send_msg({do: what, ...rest, ...more})
  }
  const clicked = (event) => {
    for (const menu of root.querySelectorAll("details.menu[open]")) {
      if (!event.composedPath().includes(menu)) menu.removeAttribute("open")
    }
    const element = event.target.closest("[data-theme-set], [data-do]")
    if (!element || !root.contains(element)) return
    if (element.dataset.themeSet) {
      const theme = element.dataset.themeSet
      document.cookie = `omnisight_theme=${theme}; path=/; max-age=31536000; samesite=lax`
      model.send_msg({do: "theme", value: theme})
    } else if (!element.matches("input, select, form")) {
      event.preventDefault()
      act(element)
    }
  }
  const changed = (event) => {
    const element = event.target.closest("[data-do]")
    if (element) act(element, {name: element.name, value: element.value, checked: element.checked ?? null})
  }
  const pressed = (event) => {
    if (typing(event) || event.defaultPrevented) return
    const element = [...root.querySelectorAll("[data-key]")].find((item) => item.dataset.key.split(" ").includes(event.key))
    if (element && !element.disabled) { event.preventDefault(); element.click() }
  }
  const outside = (event) => {
    if (!event.composedPath().includes(root)) {
      for (const menu of root.querySelectorAll("details.menu[open]")) menu.removeAttribute("open")
    }
  }

  root.addEventListener("click", clicked)
  root.addEventListener("change", changed)
  root.addEventListener("error", missing, true)
  document.addEventListener("keydown", pressed)
  document.addEventListener("click", outside)
  model.on("html", draw)
  const timer = setInterval(tick, 1000)
  model.on("remove", () => {
    clearInterval(timer)
    document.removeEventListener("keydown", pressed)
    document.removeEventListener("click", outside)
  })
  draw()
  return root
}
