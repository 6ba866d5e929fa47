// The bar above the conversation: which model answers, and the way to the list and the settings.
import type { JSX } from "preact";
import { newChat, setup } from "../actions";
import { current, models, panelOpen, sidebarOpen } from "../state";
import { Icon } from "./icons";

const kStates: Record<string, string> = { unloaded: " (loads when asked)", loading: " (loading)" };

function ModelPicker(): JSX.Element {
  const chosen = current.value.setup.model;
  const state = models.value.find((model) => model.id === chosen)?.hearth?.state ?? "";
  const known = models.value.some((model) => model.id === chosen);
  return (
    <div class="picker">
      <span class="picked" aria-hidden="true"><b>{chosen || "No model"}</b>{kStates[state]}<Icon name="fold" size={16} /></span>
      <label class="sr" for="model">Model</label>
      <select id="model" value={chosen} onChange={(event) => setup({ model: event.currentTarget.value })}>
        {!known && <option value={chosen}>{chosen === "" ? "No model" : chosen + " (not here)"}</option>}
        {models.value.map((model) => (
          <option key={model.id} value={model.id}>{model.id + (kStates[model.hearth?.state ?? ""] ?? "")}</option>
        ))}
      </select>
    </div>
  );
}

export function Header({ wide }: { wide: boolean }): JSX.Element {
  return (
    <header class="bar">
      {!wide && (
        <button type="button" id="chats" class="quiet" aria-label="Chats" aria-expanded={sidebarOpen.value} onClick={() => (sidebarOpen.value = true)}>
          <Icon name="menu" size={20} />
        </button>
      )}
      <ModelPicker />
      <div class="row end grow">
        {!wide && <button type="button" class="quiet" aria-label="New chat" onClick={newChat}><Icon name="plus" size={20} /></button>}
        <button type="button" id="settings" class={panelOpen.value ? "quiet on" : "quiet"} aria-expanded={panelOpen.value} aria-controls="panel"
          onClick={() => (panelOpen.value = !panelOpen.value)}><Icon name="sliders" size={20} /><span class={wide ? "" : "sr"}>Settings</span></button>
      </div>
    </header>
  );
}
