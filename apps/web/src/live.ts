// What the page asks the server again and again while somebody looks at it.
import { setup } from "./actions";
import { ApiError, fetchModels, fetchStatus, fetchTraces, rememberKey } from "./data/api";
import { current, models, needKey, reachable, runs, status, traces } from "./state";

const kOften = 1000;                     // while an answer is written
const kSeldom = 4000;

// Whether it went well; a server that asks for a key is asked nothing more until it has one.
async function attempt(act: () => Promise<void>): Promise<boolean> {
  if (needKey.value !== "") return false;
  try {
    await act();
    reachable.value = true;
    return true;
  } catch (problem) {
    if (problem instanceof ApiError && problem.status === 401) needKey.value = "ask";
    if (problem instanceof ApiError && problem.status === 0) reachable.value = false;
    return false;
  }
}

async function refreshModels(): Promise<void> {
  models.value = await fetchModels();
  const chosen = current.value.setup.model;
  const first = models.value[0];
  if (first && !models.value.some((model) => model.id === chosen)) setup({ model: first.id });
}

export async function refreshTraces(): Promise<void> {
  if (document.hidden) return;
  await attempt(async () => {
    traces.value = await fetchTraces();
  });
}

// Tries a key; the question stays open while the server refuses it.
export async function connect(key: string): Promise<void> {
  rememberKey(key);
  needKey.value = "";
  if (await attempt(refreshModels)) return;
  if ((needKey.value as string) === "ask") needKey.value = "wrong";
}

export async function watch(): Promise<void> {
  let known = await attempt(refreshModels);
  let turn = 0;
  const tick = async () => {
    if (!document.hidden) {
      const before = reachable.value;
      const went = await attempt(async () => {
        status.value = await fetchStatus();
      });
      turn += 1;
      if (went && (!known || !before || turn % 15 === 0)) known = await attempt(refreshModels);
    }
    setTimeout(() => void tick(), Object.keys(runs.value).length > 0 ? kOften : kSeldom);
  };
  void tick();
}
