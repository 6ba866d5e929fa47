// Opens the page: the stored conversations first, then the server.
import { render } from "preact";
import "katex/dist/katex.min.css";
import "./styles/base.css";
import "./styles/layout.css";
import "./styles/chat.css";
import "./styles/panel.css";
import "./styles/prose.css";
import { focusComposer, newChat, open } from "./actions";
import { App } from "./app";
import { Database } from "./data/db";
import { watch } from "./live";
import { conversationOf, current, freshConversation, panelOpen, recall, recalledSetup, setTheme, theme, useDatabase } from "./state";

function follow(): void {
  const id = location.hash.slice(1);
  if (id === current.value.id) return;
  if (conversationOf(id)) open(id);
  else newChat();
}

async function main(): Promise<void> {
  const chosen = recall("theme");
  setTheme(chosen === "light" || chosen === "dark" ? chosen : "system");
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => setTheme(theme.value));
  current.value = freshConversation(recalledSetup());
  current.value.setup.output.kind = "text";
  panelOpen.value = recall("panel") === "open" && matchMedia("(min-width: 1200px)").matches;
  const database = await Database.open(globalThis.indexedDB);
  useDatabase(database, await database.all());
  if (conversationOf(location.hash.slice(1))) follow();
  window.addEventListener("popstate", follow);
  render(<App />, document.getElementById("app")!);
  void watch();
  if (matchMedia("(pointer: fine)").matches) focusComposer();
}

void main();
