export default {
  title: "Account of {name}",
  signed_in: "Where you are signed in",
  signed_in_why: "End what you don't know, or a device that you no longer have. It is signed out within seconds.",
  here: "This page",
  end: "Sign it out",
  end_others: { one: "Sign out the other one", other: "Sign out the {n} others" },
  since: "Signed in {began}, last used {seen}",
  purpose_cookie: "A browser",
  purpose_bearer: "A device",
  purpose_integration: "A system's token",
  password: "Password",
  password_why:
    "At least 12 characters, and none that many people use: four words that don't belong together are good. Everywhere else you are signed out.",
  old: "Present password",
  new: "New password",
  set_password: "Change the password",
  password_done: "The password is changed.",
} as const;
