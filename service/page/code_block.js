/** A block of code with a button that copies it. */

import { createCopyButton } from "./copy_button.js";

/** @param {string} code */
export function createCodeBlock(code) {
  const block = document.createElement("div");
  const scrolling = document.createElement("pre");
  const element = document.createElement("code");
  block.className = "code-block";
  element.textContent = code;
  // A block can scroll sideways, so the keyboard must be able to reach it.
  scrolling.tabIndex = 0;
  scrolling.append(element);
  // The code grows while the answer streams, so it is read when the button is clicked.
  block.append(scrolling, createCopyButton("Copy code", () => element.textContent ?? ""));
  return block;
}
