// Form fields of the settings, each with a label, and a line of help that screen readers hear too.
import type { ComponentChildren, JSX } from "preact";

export function Field({ id, label, help, children }: { id: string; label: string; help?: string; children: ComponentChildren }): JSX.Element {
  return (
    <div class="field">
      <label class="label" for={id}>{label}</label>
      {children}
      {help && <p class="help" id={id + "-help"}>{help}</p>}
    </div>
  );
}

interface AreaProps {
  id: string;
  label: string;
  help?: string;
  value: string;
  rows: number;
  code?: boolean;
  placeholder?: string;
  problem?: string;
  set: (value: string) => void;
}

export function Area({ id, label, help, value, rows, code, placeholder, problem, set }: AreaProps): JSX.Element {
  return (
    <div class="field">
      <label class="label" for={id}>{label}</label>
      <textarea id={id} rows={rows} class={code ? "code-input" : ""} value={value} placeholder={placeholder ?? ""} spellcheck={!code}
        aria-describedby={id + "-help"} aria-invalid={Boolean(problem)} onInput={(event) => set(event.currentTarget.value)} />
      <p class={problem ? "help problem" : "help"} id={id + "-help"} role={problem ? "alert" : undefined}>{problem || help || ""}</p>
    </div>
  );
}
