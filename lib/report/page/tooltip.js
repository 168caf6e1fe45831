// One tooltip for the whole page: a box beside the pointer or below an element that has the focus.

/** Shows `content` beside the point (x, y) of the window. */
export function showTip(content, x, y) {
  const tip = tipElement();
  tip.replaceChildren(content);
  tip.hidden = false;
  const { width, height } = tip.getBoundingClientRect();
  const room = document.documentElement;
  const left = x + 14 + width > room.clientWidth ? x - 14 - width : x + 14;
  const top = y + 14 + height > room.clientHeight ? y - 10 - height : y + 14;
  tip.style.left = `${Math.max(4, left)}px`;
  tip.style.top = `${Math.max(4, top)}px`;
}

export function hideTip() {
  tipElement().hidden = true;
}

/** Pairs of a name and a text, as a list of terms. */
export function termList(pairs) {
  const list = document.createElement("dl");
  for (const [name, text] of pairs) {
    const term = document.createElement("dt");
    const description = document.createElement("dd");
    term.textContent = name;
    description.textContent = text;
    list.append(term, description);
  }
  return list;
}

/** Elements with `data-tip`, lines of "name: text", show it while they are pointed at. */
export function tipsOf(root) {
  const show = ({ target, clientX, clientY }) => {
    const element = target.closest?.("[data-tip]");
    if (element === null || element === undefined) return hideTip();
    const pairs = element.dataset.tip.split("\n").map((line) => {
      const cut = line.indexOf(": ");
      return [line.slice(0, cut), line.slice(cut + 2)];
    });
    showTip(termList(pairs), clientX, clientY);
  };
  root.addEventListener("pointermove", show);
  root.addEventListener("pointerleave", hideTip);
  addEventListener("keydown", ({ key }) => {
    if (key === "Escape") hideTip();
  });
}

function tipElement() {
  let tip = document.getElementById("tip");
  if (tip === null) {
    tip = document.createElement("div");
    tip.id = "tip";
    tip.role = "tooltip";
    tip.hidden = true;
    document.body.append(tip);
  }
  return tip;
}
