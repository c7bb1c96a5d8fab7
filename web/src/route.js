// Addresses: every view is a hash such as #/records?task=gripper_det&id=..., so that a link to a
// single wrong answer can be sent to a colleague together with the folder.

/** The view the address asks for: {screen, query}. */
export function readRoute() {
  const text = location.hash.replace(/^#\/?/, "");
  const [screen, ...rest] = text.split("?");
  return { screen, query: new URLSearchParams(rest.join("?")) };
}

/** The address of a view; empty values are left out, of a list every value is given. */
export function address(screen, query = {}) {
  const filled = Object.entries(query)
    .flatMap(([name, value]) => [value].flat().map((each) => [name, each]))
    .filter(([, value]) => value !== "" && value != null);
  const text = new URLSearchParams(filled).toString();
  return `#/${screen}${text ? `?${text}` : ""}`;
}

/** Change the address without a new entry in the history: for steps such as the next record. */
export function rewriteRoute(screen, query) {
  const wanted = address(screen, query);
  if (location.hash !== wanted) history.replaceState(null, "", wanted);
}
