// What keeps the service from its database, by the name of each outage.

export default {
  clock_off: "This node's clock is wrong, so it takes nothing in. Send the same again.",
  cut_off: "This node hears nothing of the database. What you see may be old.",
  database_at_limit: "The database has reached one of its limits. Nothing was changed; send it again.",
  database_busy: "All connections to the database are in use. Nothing was changed; send it again.",
  database_connection_lost: "The connection to the database was lost. Send the same again.",
  database_contended: "The database is contended. Nothing was changed; send it again.",
  database_damaged: "The database can't read or write its files. Nothing was changed.",
  database_full: "The database's disk is full. Nothing was changed; an administrator must make room.",
  database_locked: "Somebody holds a lock in the database. Nothing was changed; send it again.",
  database_out_of_memory: "The database is out of memory. Nothing was changed; send it again.",
  database_read_only: "The database only reads: no primary server is found. Nothing was changed.",
  database_refused: "The database refuses the service's sign-in. Nothing was changed.",
  database_silent: "The database does not answer. Send the same again.",
  database_slow: "The database took too long. Nothing was changed; send it again.",
  database_starting: "The database is starting or stopping. Send the same again.",
  database_stopping: "The database ended the connection. Send the same again.",
  database_too_many_connections: "The database takes no more connections. Nothing was changed.",
  database_unreachable: "No database server can be reached. Send the same again.",
  schema_unusable: "The database is not prepared for this version. Nothing was changed.",
} as const;
