// Numbers and times as people read them.

export function bytes(count: number): string {
  if (!Number.isFinite(count) || count <= 0) return "0 MB";
  if (count >= 1e9) return (count / 1e9).toFixed(count >= 1e10 ? 0 : 1) + " GB";
  return Math.max(1, Math.round(count / 1e6)) + " MB";
}

export function rate(perSecond: number): string {
  if (!Number.isFinite(perSecond) || perSecond < 0) return "0";
  return perSecond >= 100 ? Math.round(perSecond).toString() : perSecond.toFixed(1);
}

export function duration(ms: number): string {
  if (!Number.isFinite(ms) || ms < 0) return "–";
  if (ms < 10) return ms.toFixed(1) + " ms";
  if (ms < 1000) return Math.round(ms) + " ms";
  if (ms < 60_000) return (ms / 1000).toFixed(ms < 10_000 ? 2 : 1) + " s";
  return Math.floor(ms / 60_000) + " min " + Math.round((ms % 60_000) / 1000) + " s";
}

export function count(value: number): string {
  return Math.round(value).toLocaleString("en-US");
}

export function clock(ms: number): string {
  return new Date(ms).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" });
}

// The heading a conversation stands under in the list.
export function dayGroup(time: number, now: number): string {
  const midnight = new Date(now);
  midnight.setHours(0, 0, 0, 0);
  const start = midnight.getTime();
  if (time >= start) return "Today";
  if (time >= start - 86_400_000) return "Yesterday";
  if (time >= start - 6 * 86_400_000) return "This week";
  return "Earlier";
}
