/** Where in its document a passage stands, without the title, which is shown beside it. */
export function pathOf({ title, heading_path: path }) {
  return (path[0] === title ? path.slice(1) : path).join(" › ");
}
