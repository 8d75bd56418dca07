// Takes away what the server drew when the page itself has drawn its chart, and shows where the reader is in the same place.
// Where the page does not come, whatever there is in its place is to be seen.
const PATIENCE = 30_000;  // ms
const top = element => element.getBoundingClientRect().top;
const scrolls = element => {
  for (let e = element.parentElement; e; e = e.parentElement)
    if (e.scrollHeight > e.clientHeight && getComputedStyle(e).overflowY === "auto") return e;
  return null;
};
const taken = () => {
  const opening = document.getElementById("opening");
  if (!opening) return;
  const read = [...opening.querySelectorAll("[data-at]")].findLast(heading => top(heading) < innerHeight / 2);
  const same = read && document.querySelector(`#root [id="${read.dataset.at}"]`);
  const was = read && top(read);
  opening.remove();
  const page = same && scrolls(same);
  if (page) page.scrollTop += top(same) - was;
};
document.addEventListener("drawn", ({ detail }) => {
  if (["", detail].includes(document.getElementById("opening")?.dataset.until)) taken();
});
setTimeout(taken, PATIENCE);
