// Icons as inline SVG, drawn on 24 × 24 with a stroke of the text's colour. Decoration: the word
// beside it is what is read aloud.

const PATHS = {
  alarm: "M12 3 2 21h20L12 3Zm0 7v5m0 3v.01",
  bell: "M6 17V11a6 6 0 1 1 12 0v6l2 2H4l2-2Zm4 4h4",
  bolt: "M13 2 5 14h6l-1 8 8-12h-6l1-8Z",
  car: "M4 16v-4l2-5h12l2 5v4H4Zm0 0v3m16-3v3M4 12h16M7.5 14.5v.01m9-.01v.01",
  check: "m4 13 5 5L20 6",
  chevron: "m9 5 7 7-7 7",
  clock: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18Zm0 4v5l3 3",
  close: "m5 5 14 14M19 5 5 19",
  cross: "M9 3h6v6h6v6h-6v6H9v-6H3V9h6V3Z",
  flag: "M5 22V3h13l-3 5 3 5H5",
  hand: "M8 13V5a1.5 1.5 0 0 1 3 0v6-7a1.5 1.5 0 0 1 3 0v7-5a1.5 1.5 0 0 1 3 0v9c0 4-2 6-5.500 6C8 21 7 19 4 14c1-1.500 2.500-1 4 1",
  home: "M3 11 12 3l9 8v10h-6v-6H9v6H3V11Z",
  link_off: "m3 3 18 18M9 7H7a5 5 0 0 0 0 10h2m6-10h2a5 5 0 0 1 3.500 8.500",
  minus: "M5 12h14",
  moon: "M20 14A8.500 8.500 0 0 1 10 4a8.500 8.500 0 1 0 10 10Z",
  pause: "M8 5v14M16 5v14",
  person: "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8Zm-8 9c0-4 3.500-6 8-6s8 2 8 6",
  phone: "M6 3h4l1.500 5L9 9.500a12 12 0 0 0 5.500 5.500L16 12.500l5 1.500v4c0 1.500-1 3-3 3C10 20 4 14 3 6c0-2 1.500-3 3-3Z",
  pin: "M12 22s7-7 7-12a7 7 0 1 0-14 0c0 5 7 12 7 12Zm0-9a3 3 0 1 0 0-6 3 3 0 0 0 0 6Z",
  pulse: "M2 12h5l3-8 4 16 3-8h5",
  question: "M9 9a3 3 0 1 1 4.500 2.600c-1 .6-1.500 1.200-1.500 2.400m0 4v.01",
  search: "m20 20-5-5m-4.500 2a6.500 6.500 0 1 0 0-13 6.500 6.500 0 0 0 0 13Z",
  swap: "M4 8h14l-4-4m6 12H6l4 4",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  );
}
