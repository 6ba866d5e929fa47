// The model and how it is sampled; what it takes of this machine.
import type { JSX } from "preact";
import { setup } from "../actions";
import { bytes, count } from "../core/format";
import { emptySampling } from "../core/request";
import type { Sampling } from "../core/types";
import { current, status } from "../state";
import { Area, Field } from "./field";

type Name = Exclude<keyof Sampling, "stop">;
const kSliders: { name: Name; label: string; help: string; most: number; step: number }[] = [
  { name: "temperature", label: "Temperature", help: "Low is steady, high is inventive.", most: 2, step: 0.05 },
  { name: "top_p", label: "Top p", help: "Only the likeliest tokens that add up to this.", most: 1, step: 0.01 },
  { name: "min_p", label: "Min p", help: "Drops tokens this much less likely than the best.", most: 1, step: 0.01 },
];
const kNumbers: { name: Name; label: string; placeholder: string; least: number }[] = [
  { name: "top_k", label: "Top k", placeholder: "all", least: 0 },
  { name: "max_tokens", label: "Max tokens", placeholder: "no limit", least: 1 },
  { name: "seed", label: "Seed", placeholder: "random", least: 0 },
];

function set(patch: Partial<Sampling>): void {
  setup({ sampling: { ...current.value.setup.sampling, ...patch } });
}

function Slider({ name, label, help, most, step }: (typeof kSliders)[number]): JSX.Element {
  const value = current.value.setup.sampling[name];
  return (
    <div class="field">
      <div class="row between">
        <label class="label" for={name}>{label}</label>
        {value === null
          ? <span class="value">model’s own</span>
          : <button type="button" class="value link" aria-label={`${label}: back to the model’s own`} onClick={() => set({ [name]: null })}>{value} ×</button>}
      </div>
      <input id={name} type="range" min={0} max={most} step={step} value={value ?? most / 2} class={value === null ? "unset" : ""}
        aria-valuetext={value === null ? "the model’s own" : String(value)} aria-describedby={name + "-help"}
        onInput={(event) => set({ [name]: Number(event.currentTarget.value) })} />
      <p class="help" id={name + "-help"}>{help}</p>
    </div>
  );
}

function NumberField({ name, label, placeholder, least }: (typeof kNumbers)[number]): JSX.Element {
  const value = current.value.setup.sampling[name];
  const read = (text: string) => {
    const number = Math.trunc(Number(text));
    set({ [name]: text.trim() === "" || !Number.isFinite(number) ? null : Math.max(least, number) });
  };
  return (
    <Field id={name} label={label}>
      <input id={name} type="number" inputMode="numeric" min={least} value={value ?? ""} placeholder={placeholder}
        onChange={(event) => read(event.currentTarget.value)} />
    </Field>
  );
}

// Each line is a stop text; \n stands for a line's end.
function Stops(): JSX.Element {
  const stops = current.value.setup.sampling.stop;
  const read = (text: string) => set({ stop: text.split("\n").filter((line) => line !== "").slice(0, 4).map((line) => line.replaceAll("\\n", "\n")) });
  return (
    <Field id="stop" label="Stop at" help="One text a line, at most four; \n is a new line.">
      <textarea id="stop" rows={2} class="code-input" aria-describedby="stop-help" value={stops.map((stop) => stop.replaceAll("\n", "\\n")).join("\n")}
        onChange={(event) => read(event.currentTarget.value)} />
    </Field>
  );
}

function Fact({ name, value }: { name: string; value: string }): JSX.Element {
  return <div class="fact"><dt>{name}</dt><dd>{value}</dd></div>;
}

function Machine(): JSX.Element | null {
  const now = status.value;
  const model = now?.models.find((one) => one.id === current.value.setup.model);
  if (!now) return null;
  const part = now.memory.budget_bytes > 0 ? Math.min(1, now.memory.resident_bytes / now.memory.budget_bytes) : 0;
  return (
    <section class="machine" aria-label="This device">
      <h2>This device</h2>
      <div class="meter" role="meter" aria-label="Memory" aria-valuemin={0} aria-valuemax={100} aria-valuenow={Math.round(part * 100)}>
        <i style={{ width: `${part * 100}%` }} />
      </div>
      <dl>
        <Fact name="Memory" value={bytes(now.memory.resident_bytes) + (now.memory.budget_bytes > 0 ? ` of ${bytes(now.memory.budget_bytes)}` : "")} />
        {model && <Fact name="Weights" value={bytes(model.weights_bytes)} />}
        {model && <Fact name="Context" value={`${count(model.context)} tokens`} />}
        {model && <Fact name="Pages in use" value={`${count(model.kv_pages_used)} of ${count(model.kv_pages_total)}`} />}
        {model && <Fact name="Answering, waiting" value={`${model.running}, ${model.waiting}`} />}
        {model && <Fact name="Tokens from the cache" value={count(model.cached_tokens_hit)} />}
        <Fact name="Hearth" value={now.version} />
      </dl>
    </section>
  );
}

export function ModelTab(): JSX.Element {
  const sliders = kSliders.map((slider) => <Slider key={slider.name} {...slider} />);
  const numbers = kNumbers.map((field) => <NumberField key={field.name} {...field} />);
  return (
    <>
      <Area id="system" label="System prompt" rows={4} value={current.value.setup.system} placeholder="You are a helpful assistant."
        help="Said to the model before the conversation." set={(system) => setup({ system })} />
      {sliders}
      <div class="three">{numbers}</div>
      <Stops />
      <button type="button" class="plain" onClick={() => set({ ...emptySampling, stop: [] })}>Back to the model’s own settings</button>
      <Machine />
    </>
  );
}
