// Line icons, drawn here; each is decoration beside a name that is text or a label.
import type { JSX } from "preact";

const kPaths = {
  plus: "M12 5v14M5 12h14",
  menu: "M4 7h16M4 12h16M4 17h16",
  close: "M6 6l12 12M18 6L6 18",
  fold: "M7 10l5 5 5-5",
  up: "M12 19V5M6 11l6-6 6 6",
  down: "M12 5v14M6 13l6 6 6-6",
  copy: "M9 9h10v10H9zM5 15V5h10",
  check: "M5 12.5l4.500 4.500L19 7.500",
  edit: "M5 19l1-4L16 5l3 3L9 18zM14 7l3 3",
  again: "M19 8a8 8 0 1 0 1 4M20 4v5h-5",
  left: "M14.500 6l-6 6 6 6",
  right: "M9.500 6l6 6-6 6",
  sliders: "M4 8h9M17 8h3M4 16h3M11 16h9M15 6v4M9 14v4",
  more: "M6 12h.01M12 12h.01M18 12h.01",
  home: "M4 11.500L12 5l8 6.500M6.500 10v9h11v-9",
  trash: "M5 7h14M10 7V5h4v2M7 7l1 12h8l1-12",
  save: "M12 4v11M7 10.500l5 5 5-5M5 19.500h14",
  load: "M12 15.500V4.500M7 9l5-5 5 5M5 19.500h14",
  tool: "M14.500 6.500a4 4 0 0 1 5-1.200l-2.700 2.700 1.200 1.200 2.700-2.700a4 4 0 0 1-5.400 5L8.500 18.500a1.800 1.800 0 0 1-2.600-2.600l6.900-6.800a4 4 0 0 1 1.700-2.600z",
  braces: "M9 4c-3 0-2 3-2 5s-2 3-2 3 2 1 2 3-1 5 2 5M15 4c3 0 2 3 2 5s2 3 2 3-2 1-2 3 1 5-2 5",
  quote: "M5 7h14M5 12h14M5 17h8",
  sun: "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM12 3v1.500M12 19.500V21M3 12h1.500M19.500 12H21M5.600 5.600l1.100 1.100M17.300 17.300l1.100 1.100M5.600 18.400l1.100-1.100M17.300 6.700l1.100-1.100",
  moon: "M19 14.500A7.500 7.500 0 0 1 9.500 5a7.500 7.500 0 1 0 9.500 9.500z",
  auto: "M12 4a8 8 0 1 0 0 16zM12 4a8 8 0 0 1 0 16",
} as const;

export type IconName = keyof typeof kPaths;

export function Icon({ name, size = 18 }: { name: IconName; size?: number }): JSX.Element {
  return (
    <svg class="icon" width={size} height={size} viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={kPaths[name]} />
    </svg>
  );
}

export function Flame({ size = 24 }: { size?: number }): JSX.Element {
  return (
    <svg class="flame" width={size} height={size} viewBox="0 1 24 25" aria-hidden="true" focusable="false">
      <path d="M13 2c.6 4.200-6 6.800-6 12.400A5 5 0 0 0 8.300 18c-.2-2.600 1-4.400 2.900-6.200.3 2.200 1.100 3 2 4 .8.900 1.400 1.800 1.400 3a4.700 4.700 0 0 0 2.400-4.200c0-1.500-.5-2.700-1.100-3.800 1.800 1 4.100 3 4.100 6.400a8 8 0 0 1-16 0C4 8.700 11.300 8 13 2z" />
    </svg>
  );
}
