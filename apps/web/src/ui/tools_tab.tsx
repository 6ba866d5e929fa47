// Function tools that the model may call; the person answers for them.
import type { JSX } from "preact";
import { setup } from "../actions";
import { parseTools } from "../core/request";
import type { Tools } from "../core/types";
import { current } from "../state";
import { Area, Field } from "./field";
import { Icon } from "./icons";

const kExample = JSON.stringify([{
  name: "get_weather",
  description: "The weather of a city right now",
  parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
}], null, 2);

const kChoices: { value: Tools["choice"]; label: string }[] = [
  { value: "auto", label: "When it helps" },
  { value: "required", label: "Always" },
  { value: "none", label: "Never" },
];

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

export function ToolsTab(): JSX.Element {
  const tools = current.value.setup.tools;
  const parsed = parseTools(tools.definitions);
  const set = (patch: Partial<Tools>) => setup({ tools: { ...tools, ...patch } });
  const write = (definitions: string) => set({ definitions, on: tools.definitions === "" ? true : tools.on });
  return (
    <>
      <p class="help lead">Describe functions as JSON. When the model calls one, its call is shown in the chat, you type what the function would answer, and it goes on.</p>
      <label class="switch"><input type="checkbox" role="switch" checked={tools.on} onChange={(event) => set({ on: event.currentTarget.checked })} /><span>Offer these tools</span></label>
      <Area id="tools" label="Tools" rows={12} code value={tools.definitions} placeholder="[ … ]" problem={parsed.ok ? "" : parsed.problem}
        help="A list, or one function with name, description and parameters." set={write} />
      {tools.definitions.trim() === "" && <button type="button" class="plain" onClick={() => write(kExample)}>Start from an example</button>}
      {parsed.ok && parsed.value.length > 0 && (
        <ul class="tool-list" aria-label="Tools understood">
          {parsed.value.map((tool) => {
            const made = tool["function"] as Record<string, unknown>;
            return <li key={textOf(made["name"])}><Icon name="tool" size={15} /><b>{textOf(made["name"])}</b> <span>{textOf(made["description"])}</span></li>;
          })}
        </ul>
      )}
      <Field id="choice" label="The model calls a tool">
        <select id="choice" value={tools.choice} onChange={(event) => set({ choice: event.currentTarget.value as Tools["choice"] })}>
          {kChoices.map(({ value, label }) => <option key={value} value={value}>{label}</option>)}
        </select>
      </Field>
    </>
  );
}
