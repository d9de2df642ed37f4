/** Notes behind the sentences of an answer that its passages do not support. */

/** Stands for a note in the text of an answer. Unicode reserves it, so no document and no model writes it. */
export const NOTE = "\uFDD0";

const CODE_END = /(?:```|~~~)\s*(?:\[\d+\]\s*)*$/;

/**
 * Return the text with a note behind each of the sentences.
 * @param {string} text
 * @param {{text: string, start: number}[]} sentences Their positions count code points, unlike those of a string.
 */
export function addNotes(text, sentences) {
  const characters = Array.from(text);
  for (const sentence of [...sentences].sort((a, b) => b.start - a.start)) {
    const end = sentence.start + Array.from(sentence.text).length;
    if (characters[end - 1] === "|") {
      characters.splice(end - 1, 0, NOTE); // Markdown drops text behind the last bar of a table row.
    } else {
      characters.splice(end, 0, CODE_END.test(sentence.text) ? `\n\n${NOTE}` : NOTE);
    }
  }
  return characters.join("");
}

export function createNote() {
  const note = document.createElement("span");
  note.className = "unsupported";
  note.textContent = "Not supported by the passages";
  return note;
}
