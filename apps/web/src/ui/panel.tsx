// Settings beside the conversation, in four tabs; over it on narrow screens.
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { focusOn } from "../actions";
import { panelOpen, remember, tab, type Tab } from "../state";
import { Icon } from "./icons";
import { ModelTab } from "./model_tab";
import { OutputTab } from "./output_tab";
import { ToolsTab } from "./tools_tab";
import { TracesTab } from "./traces_tab";

const kTabs: { name: Tab; label: string; Content: () => JSX.Element }[] = [
  { name: "model", label: "Model", Content: ModelTab },
  { name: "output", label: "Output", Content: OutputTab },
  { name: "tools", label: "Tools", Content: ToolsTab },
  { name: "traces", label: "Traces", Content: TracesTab },
];

function Tabs(): JSX.Element {
  const keys = (event: KeyboardEvent) => {
    const at = kTabs.findIndex(({ name }) => name === tab.value);
    const to = { ArrowRight: at + 1, ArrowLeft: at + kTabs.length - 1, Home: 0, End: kTabs.length - 1 }[event.key as "Home"];
    if (to === undefined) return;
    event.preventDefault();
    tab.value = kTabs[to % kTabs.length]!.name;
    document.getElementById("tab-" + tab.value)?.focus();
  };
  return (
    <div role="tablist" aria-label="Settings" onKeyDown={keys}>
      {kTabs.map(({ name, label }) => (
        <button key={name} type="button" role="tab" id={"tab-" + name} aria-selected={tab.value === name} aria-controls="tab-content"
          tabIndex={tab.value === name ? 0 : -1} onClick={() => (tab.value = name)}>{label}</button>
      ))}
    </div>
  );
}

export function Panel({ wide }: { wide: boolean }): JSX.Element | null {
  const box = useRef<HTMLElement>(null);
  const shown = panelOpen.value;
  useEffect(() => {
    remember("panel", shown ? "open" : "");
    if (shown && !wide) document.getElementById("tab-" + tab.value)?.focus();
  }, [shown]);
  if (!shown) return null;
  const Content = kTabs.find(({ name }) => name === tab.value)!.Content;
  const close = () => {
    panelOpen.value = false;
    focusOn("settings");
  };
  const keys = (event: KeyboardEvent) => {
    if (event.key === "Escape") close();
  };
  return (
    <aside id="panel" ref={box} class={tab.value === "traces" ? "panel roomy" : "panel"} aria-label="Settings" onKeyDown={keys}>
      <div class="panel-head">
        <Tabs />
        <button type="button" class="quiet" aria-label="Close settings" onClick={close}><Icon name="close" /></button>
      </div>
      <div id="tab-content" class="panel-body" role="tabpanel" aria-labelledby={"tab-" + tab.value} tabIndex={0}><Content /></div>
    </aside>
  );
}
