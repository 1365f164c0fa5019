// Puts back what the wire leaves out: fields at their defaults, however deep they stand.

/** Defaults `d` and inner shapes `p` of a struct; `m` of a map's values; `t`, `of` of a union. */
export type Shape =
  | { readonly d: Readonly<Record<string, unknown>>; readonly p?: Readonly<Record<string, Shape>> }
  | { readonly m: Shape }
  | { readonly t: string; readonly of: Readonly<Record<string, Shape>> };

type Fields = Record<string, unknown>;

/** Return the value with every field; arrays and nulls pass. */
export function complete(value: unknown, shape: Shape | null): unknown {
  if (shape === null || value === null || typeof value !== "object") return value;
  if (Array.isArray(value)) return value.map((one) => complete(one, shape));
  const fields = value as Fields;
  if ("m" in shape) {
    return Object.fromEntries(Object.entries(fields).map(([k, v]) => [k, complete(v, shape.m)]));
  }
  if ("t" in shape) return complete(fields, shape.of[String(fields[shape.t])] ?? null);
  const whole: Fields = { ...shape.d, ...fields };
  // Defaults that hold further structs are completed as well.
  for (const [name, inner] of Object.entries(shape.p ?? {})) {
    if (whole[name] !== undefined) whole[name] = complete(whole[name], inner);
  }
  return whole;
}
