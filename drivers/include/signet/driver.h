/*
 * signet/driver.h: the whole contract between Signet and its drivers, in C11.
 *
 * A driver teaches Signet a new kind of authenticator (`driver = NAME` in the
 * authenticators section) or a new type of lookup (`${lookup NAME{...}}`). The same
 * source is linked into the program or loaded from a shared object; neither form can do
 * anything that the other cannot.
 *
 * Rules that hold for everything below
 *
 *   Versions   SIGNET_ABI_VERSION changes only when something here changes its meaning.
 *              Until then structures only grow at their end. Every structure that
 *              crosses the boundary says its `size`, as the side that made it knew it;
 *              the reader treats what lies beyond as zero. Before a driver uses a host
 *              function that is marked with a later "since", it asks SIGNET_HAS.
 *   Text       is a pointer and a length (struct signet_text). It may contain any octet,
 *              NUL too, and is not terminated. Text that is passed in either direction
 *              is borrowed until the call returns, unless its comment says otherwise;
 *              who wants to keep it copies it.
 *   Memory     Nobody frees what the other side allocated. Handles (struct signet_value,
 *              struct signet_stream, struct signet_event) are freed by the function
 *              named beside them, or by nobody.
 *   Errors     are return values. No exception and no longjmp crosses the boundary, in
 *              either direction, and a driver does not call exit or abort.
 *   Threads    Each worker thread has its own state of a lookup driver (`open`, `close`)
 *              and runs many sessions on it, by turns: while one call waits in a host
 *              function that is marked (waits), others run. So state may have changed
 *              whenever such a function returns, but never at another point, and a
 *              driver needs no locks for its per-worker state. A call stays on its
 *              thread. Tables and their functions may be used by several threads at once.
 *   Waiting    only in host functions marked (waits), never with a mutex held, never
 *              inside a callback that a library makes, and nowhere else: a driver that
 *              blocks stops all sessions of the worker. Code that has to block is run by
 *              `run_blocking`.
 *   Stack      256 KiB. Calls that may want more (encoding a deep filter, compiling a
 *              regular expression) go through `run_on_big_stack`.
 *   Security   Text that came from a client, a certificate or a directory is data. A
 *              driver never compiles it, logs no secret, and reports trouble as "defer":
 *              never as "reject", "not found" or an empty value.
 */
#ifndef SIGNET_DRIVER_H_
#define SIGNET_DRIVER_H_

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SIGNET_ABI_VERSION 1

/* Whether the structure that `table` points to is new enough to hold `member`. */
#define SIGNET_HAS(table, member) \
  ((table)->size >= (size_t)((const char*)(&(table)->member + 1) - (const char*)(table)))

/* --- text ---------------------------------------------------------------------------- */

struct signet_text {
  const char* data; /* may be NULL where size is 0 */
  size_t size;      /* octets */
};

/* An initialiser from a string literal: struct signet_text t = SIGNET_TEXT("tls"); */
#define SIGNET_TEXT(literal) \
  { literal, sizeof(literal) - 1 }

/* --- results ------------------------------------------------------------------------- */

/* What an authenticator decided. Any other number counts as SIGNET_DEFER. */
enum signet_verdict {
  SIGNET_ACCEPT = 1,
  SIGNET_REJECT = 2,
  SIGNET_DEFER = 3,   /* cannot tell now: a temporary trouble, or any trouble */
  SIGNET_CONTINUE = 4 /* `step` only: a challenge was given, the client's answer is wanted */
};

/* What a lookup found. Any other number counts as SIGNET_LATER. */
enum signet_found {
  SIGNET_FOUND = 1,
  SIGNET_NOT_FOUND = 2,
  SIGNET_LATER = 3,     /* temporary trouble; `answer` was given the reason */
  SIGNET_UNREADABLE = 4 /* the same, because a file or database cannot be opened: messages
                           give the reason alone, without the question */
};

/* How an expansion of an option ended. */
enum signet_expanded {
  SIGNET_EXPANDED = 1,
  SIGNET_UNSET = 2,          /* the administrator did not set the option, it has no default */
  SIGNET_FORCED_FAIL = 3,    /* the expansion asked for failure */
  SIGNET_TEMPORARY_FAIL = 4, /* such as a lookup that got no answer */
  SIGNET_PERMANENT_FAIL = 5  /* such as a value that is not a number where one is wanted */
};

/* For match_pattern. */
#define SIGNET_PATTERN_EXPAND 1u /* the pattern is expanded first */

/* How a wait ended. Zero is good, all else negative. */
enum signet_io {
  SIGNET_IO_OK = 0,
  SIGNET_IO_CLOSED = -1,    /* the other side ended the connection */
  SIGNET_IO_TIMEOUT = -2,   /* the deadline passed */
  SIGNET_IO_CANCELLED = -3, /* the program is stopping: give up quickly */
  SIGNET_IO_ERROR = -4      /* `stream_why` says which */
};

/* --- options ------------------------------------------------------------------------- */

enum signet_option_kind {
  SIGNET_OPTION_TEXT = 1,     /* taken as it is */
  SIGNET_OPTION_EXPANDED = 2, /* compiled at load, expanded by `expand` */
  SIGNET_OPTION_NUMBER = 3,   /* may have a suffix K, M or G */
  SIGNET_OPTION_BOOLEAN = 4,  /* 0 or 1 */
  SIGNET_OPTION_TIME = 5,     /* written as in "1m30s"; given in milliseconds */
  SIGNET_OPTION_SECRET = 6    /* text that is never shown */
};

/* One option of a driver. The host parses, checks, compiles and documents it. */
struct signet_option {
  struct signet_text name;
  uint32_t kind; /* enum signet_option_kind */
  uint32_t reserved;
  struct signet_text alias_of;     /* where this is another spelling of an option that has a
                                      row of its own; the value goes there, the later wins */
  struct signet_text default_text; /* as the administrator would write it; NULL data: unset */
  struct signet_text manual;       /* one line, lower case, no full stop */
  /* Text options of the main section: words, in lower case, that make something less safe
   * than it is, "never allow", and what they do. The host warns of them. */
  struct signet_text weak_values;
  struct signet_text weakens;
};

/* --- what the host offers ------------------------------------------------------------- */

struct signet_call;        /* one run of an authenticator */
struct signet_value;       /* what an expansion gave; lives as long as its call */
struct signet_lookup_call; /* one lookup; defined below */
struct signet_worker;      /* a worker thread, to a lookup driver */
struct signet_stream;      /* a connection; freed by close */
struct signet_event;       /* something to wait for; freed by event_free */

/* Where to connect to. Set `size` to sizeof(struct signet_endpoint). */
struct signet_endpoint {
  size_t size;
  struct signet_text host;      /* name or IP address without brackets; or empty, and */
  struct signet_text unix_path; /* the absolute path of a socket */
  uint32_t port;                /* with host */
  uint32_t reserved;
};

/* How to start TLS as a client. Set `size` to sizeof(struct signet_tls_options). */
struct signet_tls_options {
  size_t size;
  struct signet_text verify_name; /* the peer's certificate must be for this name or address */
  struct signet_text ca_file;     /* PEM; empty, and ca_directory too: the system's CAs */
  struct signet_text ca_directory;
  struct signet_text certificate_file; /* our own, if the peer wants one */
  struct signet_text key_file;
  struct signet_text ciphers; /* a priority string; empty: the built-in one */
  uint32_t do_not_verify;     /* 1: any certificate will do. Never the default. */
  uint32_t reserved;
};

/*
 * The functions of the host. A driver gets the same table in each call; it lives as long
 * as the program.
 */
struct signet_host {
  uint32_t abi_version;
  uint32_t reserved;
  size_t size;

  /* --- for authenticators ----------------------------------------------------------- */

  /* Expands the option in row `option` (0-based) of the driver's table, for this
   * instance (waits). `*value` is set where the result is SIGNET_EXPANDED and stays
   * valid until the driver's function returns. The host keeps the reason of a failure
   * for the log by itself. */
  enum signet_expanded (*expand)(struct signet_call* call, uint32_t option,
                                 const struct signet_value** value);
  /* An option of a kind that is not expanded: its text (valid during the call), or its
   * number. Returns 1 where the option is set or has a default, else 0. */
  int (*option_text)(struct signet_call* call, uint32_t option, struct signet_text* text);
  int (*option_number)(struct signet_call* call, uint32_t option, int64_t* number);

  /* A value as text (valid as long as the value). A value that is a list has its
   * elements too; any other value is one element. Elements count from 0. */
  struct signet_text (*value_text)(const struct signet_value* value);
  size_t (*value_count)(const struct signet_value* value);
  struct signet_text (*value_element)(const struct signet_value* value, size_t index);

  /* Sets $auth1 ... $auth4 (`number` 1 to 4). From a value it keeps what the value is: the
   * elements of a list stay elements, whatever is in them, and its origin stays known.
   * Text counts as text that the client typed. */
  void (*set_auth)(struct signet_call* call, uint32_t number, const struct signet_value* value);
  void (*set_auth_text)(struct signet_call* call, uint32_t number, struct signet_text text);

  /* Evaluates server_condition of this instance with what set_auth set (waits). Not set:
   * SIGNET_ACCEPT. The host keeps the reason by itself. */
  enum signet_verdict (*check_condition)(struct signet_call* call);

  /* Says why the driver rejects or defers; for the log, not for the client. The last
   * reason counts. */
  void (*reason)(struct signet_call* call, struct signet_text text);
  /* `step`: what to ask the client next. Not encoded: the host does base64. It is
   * $auth_challenge in the next step. */
  void (*challenge)(struct signet_call* call, struct signet_text text);
  /* Writes one line to the main log. */
  void (*log)(struct signet_call* call, struct signet_text line);

  /* --- for lookups --------------------------------------------------------------------- */

  /* Gives the answer of a lookup: the data with SIGNET_FOUND, the reason with
   * SIGNET_LATER. The host copies it. The last answer counts. */
  void (*answer)(struct signet_lookup_call* call, struct signet_text text);

  /* The text of a main-section option named in the driver's `main_options`: what the
   * administrator wrote, or the default. Returns 0 where there is neither. The text is
   * valid until `close`. */
  int (*main_option)(struct signet_worker* worker, struct signet_text name,
                     struct signet_text* text);
  void (*worker_log)(struct signet_worker* worker, struct signet_text line);

  /* Milliseconds on a clock that only goes forward. Deadlines are times on this clock. */
  int64_t (*now_ms)(void);

  /* Runs `body` beside the caller, on this worker thread. It starts later, never inside
   * this call. The worker handle stays valid until all its tasks have ended. Returns 0
   * where no task can be started (no memory for its stack): `body` is not run then. */
  int (*spawn)(struct signet_worker* worker, void (*body)(void* context), void* context);

  /* Runs `body` on a thread where it may block, and waits for it (waits). `body` may use
   * no host function and nothing that other calls of this worker touch. */
  void (*run_blocking)(struct signet_worker* worker, void (*body)(void* context), void* context);
  /* Runs `body` at once, on a large stack. `body` must not wait. */
  void (*run_on_big_stack)(struct signet_worker* worker, void (*body)(void* context),
                           void* context);

  /* Events. Signalling wakes all who wait now and is not remembered, so check the
   * condition first, then wait, in a loop. event_wait (waits) returns SIGNET_IO_OK,
   * SIGNET_IO_TIMEOUT or SIGNET_IO_CANCELLED. Do not free an event that has waiters. */
  struct signet_event* (*event_new)(struct signet_worker* worker);
  enum signet_io (*event_wait)(struct signet_event* event, int64_t deadline_ms);
  void (*event_signal)(struct signet_event* event);
  void (*event_free)(struct signet_event* event);

  /* Connections. Where it fails too, `*stream` is set, so that stream_why can say what
   * went wrong; it is always to be freed by `close`. All of them (waits), but for
   * stream_why, shutdown and close.
   *
   *   connect    resolves the name and tries its addresses in turn.
   *   start_tls  TLS as a client; nothing may be waiting to be read. After a failure the
   *              stream is only good for stream_why and close.
   *   read       at least 1 octet: the number; else an enum signet_io (below 0).
   *   write      all of it, or not SIGNET_IO_OK: then the stream is of no more use.
   *   read_pending  1 where input has arrived that nobody has read.
   *   shutdown   ends the connection in both directions and keeps the stream: somebody
   *              who waits in read or write comes back with SIGNET_IO_CLOSED or
   *              SIGNET_IO_ERROR. May be called while others wait.
   *   close      frees the stream. Nobody may be waiting on it.
   *
   * One task may read while one other writes. */
  enum signet_io (*connect)(struct signet_worker* worker, const struct signet_endpoint* endpoint,
                            int64_t deadline_ms, struct signet_stream** stream);
  enum signet_io (*start_tls)(struct signet_stream* stream,
                              const struct signet_tls_options* options, int64_t deadline_ms);
  int64_t (*read)(struct signet_stream* stream, void* data, size_t size, int64_t deadline_ms);
  enum signet_io (*write)(struct signet_stream* stream, struct signet_text data,
                          int64_t deadline_ms);
  int (*read_pending)(struct signet_stream* stream);
  struct signet_text (*stream_why)(struct signet_stream* stream); /* valid until the next use */
  void (*shutdown)(struct signet_stream* stream);
  void (*close)(struct signet_stream* stream);

  /* --- since 0.1, for lookups --------------------------------------------------------- */

  /* Says that this lookup changed, or may have changed, what the driver looks things up
   * in: no answer that this connection had from the driver is used again, nor is this
   * one. Drivers that run as SIGNET_LOOKUP_BLOCKING may call it too. */
  void (*changed)(struct signet_lookup_call* call);
  /* Names the directory entry that the answer comes from, the last one where there are
   * several: $ldap_dn behind this lookup in the same text. The host copies it. */
  void (*entry)(struct signet_lookup_call* call, struct signet_text name);

  /* Whether the key of this lookup matches `pattern`, which is read as one item of a list:
   * text, "*tail", "^regex", "type;file", "/file", each with "!" in front (waits). `flags`
   * are SIGNET_PATTERN_... The pattern is the administrator's text; never pass text of
   * the key's kind. Returns SIGNET_FOUND, SIGNET_NOT_FOUND or, with the reason given as an
   * `answer`, SIGNET_LATER: then return that as it is. Not for SIGNET_LOOKUP_BLOCKING. */
  enum signet_found (*match_pattern)(struct signet_lookup_call* call, struct signet_text pattern,
                                     uint32_t flags);

  /* --- since 0.1, for authenticators --------------------------------------------------- */

  /* The value of a variable of the expansion language, by its name without "$":
   * "sender_host_address", "tls_in_certificate_verified", "primary_hostname". As `expand`;
   * SIGNET_UNSET where there is no such variable. */
  enum signet_expanded (*variable)(struct signet_call* call, struct signet_text name,
                                   const struct signet_value** value);
  /* The mechanism's name of this instance, in capitals: "SCRAM-SHA-256-PLUS". */
  struct signet_text (*public_name)(struct signet_call* call);
  /* 1 where the last answer to EHLO offered a mechanism of that name, in any case. */
  int (*advertised)(struct signet_call* call, struct signet_text mechanism);
  /* Octets that only this TLS session has on both sides. `type` is "tls-exporter" (RFC 9266).
   * Returns 0 where there are none: no TLS, or a version that cannot give them. */
  int (*channel_binding)(struct signet_call* call, struct signet_text type,
                         struct signet_text* octets);
  /* What waiting, connections and events of this call's thread hang on; valid until the
   * driver's function returns. A driver does not spawn tasks on it. */
  struct signet_worker* (*call_worker)(struct signet_call* call);
  /* Keeps a value between the steps of one exchange: $auth_state, empty in the first. */
  void (*set_state)(struct signet_call* call, const struct signet_value* value);
  /* How many octets at the beginning of the value's text are the administrator's own: the
   * first one behind them came from outside, or is the end of the text. */
  size_t (*value_own)(const struct signet_value* value);
  /* An identity that the mechanism itself gives, for an instance without server_set_id:
   * the value's text from octet `from` on. */
  void (*identity)(struct signet_call* call, const struct signet_value* value, size_t from);
  /* The value read as a list of the language: value_count and value_element of what is returned
   * are its elements. Only the administrator's octets separate them. NULL where there are too
   * many. Lives as long as `value`. */
  const struct signet_value* (*value_list)(struct signet_call* call,
                                           const struct signet_value* value);
};

/* --- authenticators --------------------------------------------------------------------- */

/* What an authenticator is for. */
#define SIGNET_AUTH_AFTER_TLS                                                                 \
  1u                              /* `authenticate` runs once, right after a TLS handshake in \
                                     which the client proved a certificate that verified */
#define SIGNET_AUTH_ADVERTISED 2u /* a SASL mechanism: listed after AUTH, run by `step` */
#define SIGNET_AUTH_SINGLE 4u     /* at most one instance in a configuration */
#define SIGNET_AUTH_NO_INITIAL \
  8u /* `step` is first called without a response: a client that sends one gets 553 */

struct signet_auth_driver {
  uint32_t abi_version; /* SIGNET_ABI_VERSION */
  uint32_t flags;       /* SIGNET_AUTH_... */
  size_t size;          /* sizeof(struct signet_auth_driver) */
  struct signet_text name;
  struct signet_text manual; /* one line */
  const struct signet_option* options;
  size_t option_count;
  size_t option_size; /* sizeof(struct signet_option): rows may grow later */

  /* Runs the authenticator without talking to the client; with SIGNET_AUTH_AFTER_TLS.
   * The driver can only narrow what the host allows: SIGNET_ACCEPT authenticates nobody
   * whose certificate did not verify, nor without the identity that server_set_id
   * gives, which the host expands itself afterwards. */
  enum signet_verdict (*authenticate)(const struct signet_host* host, struct signet_call* call);

  /* One step of a SASL exchange; with SIGNET_AUTH_ADVERTISED. `response` is what the
   * client sent, decoded: any octets, NUL too; with NULL data in the first step where the
   * client sent no initial response, and with other data and size 0 where it sent an empty
   * one. It is wiped when the function returns. `*state` is NULL in the first step and
   * belongs to the driver. The result SIGNET_CONTINUE wants a `challenge`, which may be
   * empty. $auth1 ... $auth4 stay from step to step, what `expand` gave does not. With
   * SIGNET_ACCEPT the host checks server_condition where the driver did not. */
  enum signet_verdict (*step)(const struct signet_host* host, struct signet_call* call,
                              void** state, struct signet_text response);
  /* Frees the state of an exchange that ended, however it ended; may be NULL. */
  void (*end)(const struct signet_host* host, void* state);

  /* --- since 0.1 ------------------------------------------------------------------------ */

  /* The option that an instance needs to be of use: one of `options`, or a generic one such
   * as server_condition. An instance without it is a mistake that is found at load. NULL
   * data: none. */
  struct signet_text needs;
  /* Whether the mechanism makes sense in this session, asked when EHLO is answered; may not
   * wait and may use `variable`, `public_name`, `channel_binding`, `log` and the functions of
   * options. NULL: always. */
  int (*offered)(const struct signet_host* host, struct signet_call* call);
};

/* --- lookups ------------------------------------------------------------------------------ */

#define SIGNET_LOOKUP_SINGLE_KEY 1u    /* ${lookup{KEY}type{FILE}}; else ${lookup type{QUERY}} */
#define SIGNET_LOOKUP_ABSOLUTE_FILE 2u /* FILE, or one that a query names, is an absolute path */
#define SIGNET_LOOKUP_BLOCKING                                           \
  4u /* `find` blocks: the host runs it on a thread of its own.          \
        It may then use `answer`, `changed` and `now_ms` only, and calls \
        of one worker run side by side. */
#define SIGNET_LOOKUP_FIRST_WORD                               \
  8u /* the first word of a query says what to do, or in which \
        file: outsiders have no part in it */

#define SIGNET_LOOKUP_FILE_NAMES                                \
  16u /* what is found is the name of a file that exists, of no \
         outsider's making: fit to be, or to be in, a file name */
#define SIGNET_LOOKUP_LIST_KEY                                                               \
  32u                              /* KEY is a list: `key` has its elements with NUL between \
                                      them, split as lists are in the language */
#define SIGNET_LOOKUP_NOT_KEPT 64u /* ask each time: answers are not remembered */
#define SIGNET_LOOKUP_CREDENTIALS                                                        \
  128u /* the type's name is a condition too, which tests credentials: ${if NAME{QUERY}} \
          by `authenticate` */

/* Quoting that makes text of an outsider fit for a query of this type. */
#define SIGNET_QUOTE_LDAP_FILTER 1u /* ${quote_ldap:...} */
#define SIGNET_QUOTE_LDAP_DN 2u     /* ${quote_ldap_dn:...} */
#define SIGNET_QUOTE_OWN 4u         /* ${quote_NAME:...}, by the driver's `quote` */
#define SIGNET_QUOTE_IN_STRING 8u   /* with SIGNET_QUOTE_OWN: and only between two ' of SQL */
#define SIGNET_QUOTE_NOT_NEEDED 16u /* none: the whole query is one value, whatever is in it */

/* A type of lookup, as the administrator names it. One driver may have several that share
 * its state: ldap, ldapm, ldapdn. */
struct signet_lookup_type {
  struct signet_text name;
  uint32_t flags;   /* SIGNET_LOOKUP_... */
  uint32_t accepts; /* SIGNET_QUOTE_...; of no meaning with SIGNET_LOOKUP_SINGLE_KEY */
  struct signet_text manual;
  /* What may stand behind a comma after the name, in words: "ret=full file=" means that text
   * or, behind a "=" at the end, any value. The host warns of what is not here, but for
   * the options it knows itself (cache=, and ret=key with SIGNET_LOOKUP_SINGLE_KEY). NULL
   * data: it cannot tell. */
  struct signet_text options;
  /* Of a query NAME=VALUE NAME="VALUE" ... URL, without escapes in the values: the names, in
   * lower case with blanks between them, of the settings that text from outside may be in,
   * and "/" where it may be in the URL, behind its host. What stands there is shown in no
   * message. NULL data: queries have another form. */
  struct signet_text outsiders;
};

/* One lookup. Made by the host; drivers read it. */
struct signet_lookup_call {
  size_t size;
  uint32_t type; /* row in the driver's `types` */
  uint32_t reserved;
  struct signet_text key;     /* single-key types */
  struct signet_text query;   /* the query, or the file of a single-key type */
  struct signet_text options; /* after a comma behind the type's name: "ret=full,x=y" */
  int64_t deadline_ms;        /* the answer is of no use after this time */
};

/* One step of a measurement that a driver keeps for several gateways: see `rate`. Made by the
 * host; the driver sets what is marked (out). Times are in seconds. */
#define SIGNET_RATE_AVERAGE 1u /* how many events a period has lately */
#define SIGNET_RATE_SEEN 2u    /* when the last event was */
#define SIGNET_RATE_READ 1u    /* changes nothing */
#define SIGNET_RATE_WRITE 2u   /* counts, or notes the time */
#define SIGNET_RATE_WRITE_BELOW                                    \
  3u /* the same, but only where the new rate is below `limit`, or \
        where `age` is `refresh` or more, or nothing was noted */
struct signet_rate {
  size_t size;
  uint32_t kind;             /* SIGNET_RATE_AVERAGE, SIGNET_RATE_SEEN */
  uint32_t update;           /* SIGNET_RATE_READ, ... */
  struct signet_text unique; /* data not NULL: counts only where this value has not been counted
                                for the key for a period; else as SIGNET_RATE_READ */
  double period;
  double count; /* events that this is; 0 with SIGNET_RATE_READ */
  double limit;
  double refresh;
  double life; /* what was written may be forgotten so long after its last change */
  double rate; /* (out) */
  double age;  /* (out) since the time that was noted before this step; below 0: none */
};

struct signet_lookup_driver {
  uint32_t abi_version; /* SIGNET_ABI_VERSION */
  uint32_t reserved;
  size_t size; /* sizeof(struct signet_lookup_driver) */
  struct signet_text name;
  const struct signet_option* main_options; /* of the main section; see main_option */
  size_t main_option_count;
  size_t main_option_size; /* sizeof(struct signet_option) */
  const struct signet_lookup_type* types;
  size_t type_count;
  size_t type_size; /* sizeof(struct signet_lookup_type) */

  /* Makes and frees the state for one worker. `open` is called before the first lookup
   * and may not wait; NULL state is as good as any. After `close` no call begins, and
   * none is under way. `close` may not wait either: tasks that the driver has spawned are
   * told to end, and the last one frees what they share. Both may be NULL. */
  void* (*open)(const struct signet_host* host, struct signet_worker* worker);
  void (*close)(const struct signet_host* host, void* state);

  /* Looks something up (waits). */
  enum signet_found (*find)(const struct signet_host* host, void* state,
                            struct signet_lookup_call* call);
  /* Tests the credentials in the query of a type with SIGNET_LOOKUP_CREDENTIALS (waits). The
   * reason of SIGNET_DEFER goes through `answer`. NULL where the driver has no such test. */
  enum signet_verdict (*authenticate)(const struct signet_host* host, void* state,
                                      struct signet_lookup_call* call);
  /* ${quote_NAME:text}, ${quote_NAME_option:text}: gives the result to `add`, piece by
   * piece. Must be total and safe: whatever `text` is, it stays one value inside a query.
   * Returns 0 where the option is unknown. NULL without SIGNET_QUOTE_OWN. */
  int (*quote)(uint32_t type, struct signet_text option, struct signet_text text,
               void (*add)(void* context, struct signet_text piece), void* context);

  /* --- since 0.1 ------------------------------------------------------------------------ */

  /* Measures the rate of events of `call->key`, or notes their time, in one step that no
   * other step of any gateway comes between (waits). Time is that of the store, so that the
   * gateways' clocks need not agree; it counts as standing still where it went back. With
   * e the seconds since the last event that was written, k = exp(-e / period):
   *
   *   rate = count                                               the first event
   *   rate = max(count, (1 - k) * count * period / e + k * rate) those behind it
   *
   * Returns SIGNET_FOUND, or SIGNET_LATER with the reason as an `answer`; nothing may have
   * been counted then. NULL where the driver keeps no rates; else its types can stand in
   * `ratelimit_store`. */
  enum signet_found (*rate)(const struct signet_host* host, void* state,
                            struct signet_lookup_call* call, struct signet_rate* rate);
};

/* --- modules ------------------------------------------------------------------------------- */

/* What one shared object, or one line of the table of built-in drivers, brings. */
struct signet_module {
  uint32_t abi_version; /* SIGNET_ABI_VERSION */
  uint32_t reserved;
  size_t size; /* sizeof(struct signet_module) */
  struct signet_text name;
  struct signet_text version; /* the module's own, for `signet check`; may be empty */
  const struct signet_auth_driver* const* auths;
  size_t auth_count;
  const struct signet_lookup_driver* const* lookups;
  size_t lookup_count;
};

/*
 * The head of the one function that a module exports:
 *
 *   SIGNET_DRIVER_ENTRY(tls) { return &module; }
 *
 * Linked in, it is `signet_driver_tls`. Compiled with -DSIGNET_DRIVER_SHARED it is
 * `signet_driver_entry`, which the host looks for in a shared object. It may be called
 * more than once and always returns the same table, which lives as long as the program.
 */
typedef const struct signet_module* signet_driver_entry_function(void);
#if defined(__GNUC__)
#define SIGNET_DRIVER_EXPORT __attribute__((visibility("default")))
#else
#define SIGNET_DRIVER_EXPORT
#endif
#ifdef __cplusplus
#define SIGNET_DRIVER_C extern "C"
#else
#define SIGNET_DRIVER_C
#endif
#ifdef SIGNET_DRIVER_SHARED
#define SIGNET_DRIVER_SYMBOL(name) signet_driver_entry
#else
#define SIGNET_DRIVER_SYMBOL(name) signet_driver_##name
#endif
#define SIGNET_DRIVER_ENTRY(name)                                                              \
  SIGNET_DRIVER_C SIGNET_DRIVER_EXPORT const struct signet_module* SIGNET_DRIVER_SYMBOL(name)( \
      void);                                                                                   \
  SIGNET_DRIVER_C SIGNET_DRIVER_EXPORT const struct signet_module* SIGNET_DRIVER_SYMBOL(name)(void)

#ifdef __cplusplus
}
#endif
#endif
