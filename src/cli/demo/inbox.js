// New mail appears by itself: asks for the rows after the newest one shown.
// Without this script the Refresh link does the same.
(() => {
  const list = document.getElementById("list");
  const local = () => document.querySelectorAll("time").forEach((time) => {
    const at = new Date(time.dateTime);
    time.textContent = at.toLocaleTimeString();
    time.title = at.toLocaleString();
  });
  const look = async () => {
    if (document.hidden) return;
    const since = Number(list.dataset.latest);
    const address = new URL(list.dataset.address, location);
    address.searchParams.set("since", since);
    const answer = await fetch(address);
    if (answer.status !== 200) return;
    if (document.body.hasAttribute("data-waiting")) return location.reload();
    const scrolled = list.scrollTop;
    list.innerHTML = await answer.text();
    list.dataset.latest = answer.headers.get("x-latest");
    list.querySelectorAll("ol a").forEach((row) => {
      if (Number(row.pathname.split("/").pop()) > since) row.classList.add("new");
    });
    list.scrollTop = scrolled;
    local();
  };
  local();
  // The first view keeps the newest mail in sight instead.
  if (location.pathname !== "/") list.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest" });
  setInterval(() => look().catch(() => {}), 1500);
})();
