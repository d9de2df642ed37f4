/** The entry point of the page: opens its parts and connects them. */

import { changeKey, currentKey } from "./api_key.js";
import { openAsk } from "./ask.js";
import { openConversations } from "./conversations.js";
import { openDocuments } from "./documents.js";
import { elementById } from "./dom.js";
import { acceptDrops } from "./file_drop.js";
import { openOperate } from "./operate/operate.js";
import { openPassage } from "./passage.js";
import { openViews } from "./views.js";

const passage = openPassage(elementById("passage", HTMLElement));
const conversations = openConversations({ onDelete: (id) => ask.close(id) });
const ask = openAsk({ passage, onAnswer: conversations.load });
const documents = openDocuments({ onChange: (shown) => ask.showFirstSteps(shown.length > 0) });

acceptDrops(documents.upload);
elementById("choose-files", HTMLButtonElement).addEventListener("click", documents.chooseFiles);

const keyButton = elementById("change-key", HTMLButtonElement);
keyButton.hidden = currentKey() === null;
keyButton.addEventListener("click", async () => {
  if (!(await changeKey())) return;
  documents.load();
  conversations.load();
});

documents.load();
conversations.load();
openViews({ operate: openOperate(elementById("view-operate", HTMLElement)) });
