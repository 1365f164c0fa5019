export default {
  title: "Sign in",
  username: "Username",
  password: "Password",
  submit: "Sign in",
  wrong: "Username or password is wrong.",
  busy: "Many people are signing in at this moment. It is tried again by itself.",
  slow_down: { one: "Too many tries. Wait {n} second.", other: "Too many tries. Wait {n} seconds." },
} as const;
