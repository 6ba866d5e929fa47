// The page: the list, the conversation and the settings, side by side or one over the other.
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { focusComposer, newChat } from "./actions";
import { current, lasting, panelOpen, sidebarOpen } from "./state";
import { Chat } from "./ui/chat";
import { Composer } from "./ui/composer";
import { Dialogs } from "./ui/dialogs";
import { Header } from "./ui/header";
import { Panel } from "./ui/panel";
import { Sidebar } from "./ui/sidebar";
import { useWide } from "./ui/wide";

function shortcuts(event: KeyboardEvent): void {
  const typing = (event.target as Element).matches("input, textarea, select, [role=menuitem]");
  if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey) {
    event.preventDefault();
    focusComposer();
  }
  if (event.key.toLowerCase() === "o" && event.shiftKey && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    newChat();
  }
}

export function App(): JSX.Element {
  const wide = useWide(900);
  const roomy = useWide(600);
  const covered = (!wide && sidebarOpen.value) || (!roomy && panelOpen.value);
  const title = current.value.leaf === null ? "Hearth" : `${current.value.title} · Hearth`;
  useEffect(() => {
    document.title = title;
  }, [title]);
  useEffect(() => {
    document.addEventListener("keydown", shortcuts);
    return () => document.removeEventListener("keydown", shortcuts);
  }, []);
  return (
    <>
      <a class="skip" href="#composer" onClick={(event) => { event.preventDefault(); focusComposer(); }}>Skip to the message field</a>
      <div class="page">
        <Sidebar />
        <main inert={covered}>
          <Header wide={wide} />
          {!lasting.value && <p class="banner">This browser stores nothing for this page; export what you want to keep.</p>}
          <Chat />
          <Composer />
        </main>
        <Panel wide={wide} />
      </div>
      <Dialogs />
    </>
  );
}
