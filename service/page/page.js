/** The page at `/`: puts its parts together. */

import { openAsk } from "./ask.js";
import { openDocuments } from "./documents.js";
import { acceptDrops } from "./drop.js";
import { changeKey, currentKey } from "./key.js";
import { openOperate } from "./operate/operate.js";
import { openPassage } from "./passage.js";
import { openViews } from "./views.js";

const passage = openPassage(document.getElementById("passage"));
const ask = openAsk({ passage });
const documents = openDocuments({ onChange: ask.suggest });

acceptDrops(documents.upload);
document.getElementById("choose-files").addEventListener("click", documents.choose);

const key = document.getElementById("change-key");
key.hidden = currentKey() === null;
key.addEventListener("click", async () => {
  if (await changeKey()) documents.load();
});

documents.load();
openViews({ operate: openOperate(document.getElementById("view-operate")) });
