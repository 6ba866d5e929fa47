// Structured output: the answer is held to JSON, a schema, a regular expression or a grammar.
import type { JSX } from "preact";
import { setup } from "../actions";
import { outputFields } from "../core/request";
import type { Output, OutputKind } from "../core/types";
import { current } from "../state";
import { Area } from "./field";

const kKinds: { kind: OutputKind; label: string; help: string }[] = [
  { kind: "text", label: "Free text", help: "The model writes as it likes." },
  { kind: "json_object", label: "JSON", help: "Any JSON object." },
  { kind: "json_schema", label: "JSON Schema", help: "JSON that always fits your schema." },
  { kind: "regex", label: "Regular expression", help: "Text that matches as a whole." },
  { kind: "grammar", label: "Grammar", help: "GBNF rules, from root on." },
];

const kExamples = {
  schema: JSON.stringify({
    type: "object",
    properties: { title: { type: "string" }, year: { type: "integer" }, tags: { type: "array", items: { type: "string" } } },
    required: ["title", "year", "tags"],
    additionalProperties: false,
  }, null, 2),
  regex: "(yes|no), because [a-z ]{10,80}\\.",
  grammar: 'root ::= line line line\nline ::= "- " [a-z ]+ "\\n"',
};

const kEditors: Partial<Record<OutputKind, { name: keyof typeof kExamples; label: string; rows: number }>> = {
  json_schema: { name: "schema", label: "Schema", rows: 14 },
  regex: { name: "regex", label: "Expression", rows: 3 },
  grammar: { name: "grammar", label: "Grammar", rows: 10 },
};

export function OutputTab(): JSX.Element {
  const output = current.value.setup.output;
  const set = (patch: Partial<Output>) => setup({ output: { ...output, ...patch } });
  const editor = kEditors[output.kind];
  const checked = outputFields(output);
  const empty = editor && output[editor.name].trim() === "";
  return (
    <>
      <fieldset class="choices">
        <legend class="label">The answer is</legend>
        {kKinds.map(({ kind, label, help }) => (
          <label key={kind} class={output.kind === kind ? "choice on" : "choice"}>
            <input type="radio" name="output" value={kind} checked={output.kind === kind} onChange={() => set({ kind })} />
            <span><b>{label}</b><small>{help}</small></span>
          </label>
        ))}
      </fieldset>
      {editor && (
        <>
          <Area id="structure" label={editor.label} rows={editor.rows} code value={output[editor.name]}
            problem={!checked.ok && !empty ? checked.problem : ""} help="Holds for the next answers of this chat."
            set={(text) => set({ [editor.name]: text })} />
          <button type="button" class="plain" onClick={() => set({ [editor.name]: kExamples[editor.name] })}>{empty ? "Start from an example" : "Replace by the example"}</button>
        </>
      )}
    </>
  );
}
