#ifndef SIGNET_SRC_BASE_LIMITS_H_
#define SIGNET_SRC_BASE_LIMITS_H_

#include <chrono>
#include <cstddef>
#include <cstdint>

// Every limit of the program: name, unit and reason. Each has a test on both sides.
namespace signet::limits {
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

// Certificates (over any of these, a certificate gives no identity: rule I18).
inline constexpr std::size_t kCertificateMessageMaxBytes =
    64 * 1024;  // whole TLS Certificate message
inline constexpr std::size_t kChainMaxCertificates = 10;
inline constexpr std::size_t kSanMaxNames = 100;
inline constexpr std::size_t kSanNameMaxBytes = 1024;        // one name
inline constexpr std::size_t kSanTotalMaxBytes = 16 * 1024;  // all names
inline constexpr std::size_t kSubjectMaxAttributes = 64;
inline constexpr std::size_t kExtensionMaxValues = 100;     // purposes, policies: of one extension
inline constexpr std::size_t kNameConstraintWork = 10'000;  // constraints × names
inline constexpr std::size_t kIdentityMaxBytes = 512;

// TLS.
inline constexpr std::size_t kTlsFileMaxBytes = 64 * 1024 * 1024;  // a PEM file; CRLs are large
// Names of authorities sent to clients: each is some 100 octets in every handshake.
inline constexpr std::size_t kCaNamesMax = 16;
inline constexpr std::size_t kClientHelloMaxBytes = 32 * 1024;   // to read a server name in
inline constexpr std::size_t kTlsHandshakeMaxBytes = 80 * 1024;  // all that a client may send (T8)
inline constexpr int kTlsWarningsMax = 8;  // warning alerts that are put up with, per call

// Expansion: what the evaluator may spend (rule E3).
inline constexpr std::size_t kExpandDepth = 100;                // nesting, refused by the parser
inline constexpr std::size_t kProgramNodes = 100'000;           // nodes of one program
inline constexpr std::size_t kExpandSteps = 1'000'000;          // nodes evaluated
inline constexpr std::size_t kExpandOutputBytes = 1024 * 1024;  // octets produced
inline constexpr std::size_t kFoldSteps = 20'000;               // nodes evaluated at load
inline constexpr std::size_t kFoldOutputBytes = 64 * 1024;      // octets produced at load
inline constexpr std::size_t kFlowShapes = 16;  // forms of a query looked at while loading
inline constexpr std::size_t kListMaxElements = 10'000;
inline constexpr std::size_t kRegexMatchLimit = 100'000;  // PCRE2 match limit
// Matching of one evaluation, for what the match limit does not count: a subject looked
// through from each of its octets on.
inline constexpr std::chrono::milliseconds kRegexTotal{1000};
inline constexpr std::size_t kRegexHeapKib = 16 * 1024;
inline constexpr std::size_t kRegexPatternMaxBytes = 64 * 1024;
inline constexpr std::size_t kRegexNesting = 50;              // parentheses; compiling recurses
inline constexpr std::size_t kPunycodeMaxBytes = 1024;        // encoding takes its square
inline constexpr std::size_t kPasswordHashWork = 2'000'000;   // rounds of crypt: a second or two
inline constexpr std::size_t kAclDepth = 20;                  // nested `acl =`, as in Exim
inline constexpr std::size_t kRatesMax = 100'000;             // keys of "ratelimit" and "seen" (R7)
inline constexpr std::size_t kRateKeyMaxBytes = 256;          // longer ones are kept as a digest
inline constexpr std::size_t kRateUniquesMax = 1000;          // different values of one key
inline constexpr std::size_t kRateUniquesAll = 500'000;       // of all keys: some 60 MB
inline constexpr std::size_t kHeaderMailboxesMax = 100;       // of one field that an ACL looks at
inline constexpr std::size_t kHeaderCommentDepth = 50;        // comments within comments
inline constexpr std::size_t kWarningsKept = 100;             // texts of "warn" said once
inline constexpr seconds kHostNameLookup{10};                 // name of an address, confirmed
inline constexpr std::size_t kAclTextsKept = 200;             // that are only known at run time
inline constexpr std::size_t kAclFileMaxBytes = 1024 * 1024;  // an ACL in a file of its own
inline constexpr std::size_t kNamedListDepth = 20;            // +name within +name
inline constexpr std::size_t kLocalPartSteps = 50;  // "> key" of @@ lookups in address lists
inline constexpr seconds kInterfacesMaxAge{10};     // addresses of "@[]"

// Lookups (rules L4, L9).
inline constexpr std::size_t kKeysPerLookup = 132;  // of a name with 128 components
inline constexpr std::size_t kQueryBytes = 64 * 1024;
inline constexpr std::size_t kQueryParts = 1000;                // of different origin or quoting
inline constexpr std::size_t kLookupAnswerBytes = 1024 * 1024;  // of any type
inline constexpr std::size_t kJsonFileMaxBytes = 16 * 1024 * 1024;  // parsed for each lookup
inline constexpr std::size_t kLookupsPerSession = 50;
inline constexpr seconds kLookupTotal{10};        // one lookup, all servers together
inline constexpr seconds kDirectoryConnect{3};    // TCP + TLS + bind at one server
inline constexpr seconds kDirectoryAnswer{5};     // one search at one server
inline constexpr seconds kDirectoryRetry{5};      // a server that failed is left alone so long
inline constexpr seconds kAnswerMaxAge{60};       // in a connection's cache (rule L8)
inline constexpr seconds kNotFoundMaxAge{15};     // the same for "not found"
inline constexpr std::size_t kAnswersKept = 100;  // of one connection
inline constexpr std::size_t kLdapAnswerEntries = 100;
inline constexpr std::size_t kLdapAnswerBytes = 1024 * 1024;
inline constexpr std::size_t kLdapInFlightAnonymous = 64;  // slapd closes at 100 pending
inline constexpr std::size_t kLdapInFlightBound = 256;
inline constexpr std::size_t kLdapFilterNesting = 50;
inline constexpr std::size_t kLdapReferrals = 10;    // followed for one lookup, if at all
inline constexpr std::size_t kLdapReferralHops = 5;  // one behind the other
inline constexpr std::size_t kPinFileMaxBytes = 4 * 1024 * 1024;  // some 30,000 devices
inline constexpr std::size_t kLookupFileMaxBytes = 64 * 1024 * 1024;
inline constexpr std::size_t kHttpAnswerBytes = 256 * 1024;  // body: parsed by expressions
inline constexpr std::size_t kHttpHeaderBytes = 64 * 1024;   // status lines and headers
inline constexpr std::size_t kHttpAtOnce = 8;  // of kBlockingThreads: half stays for the rest
inline constexpr std::size_t kHttpRedirects = 5;
inline constexpr std::size_t kHttpUrlBytes = 8 * 1024;  // servers take no longer ones

// Credentials checked by other servers.
inline constexpr std::size_t kSmtpAuthReplyLines = 100;
inline constexpr std::size_t kSmtpAuthReplyLineBytes = 2048;
inline constexpr seconds kSmtpAuthConnect{5};           // one server: TCP only
inline constexpr std::size_t kDovecotLineBytes = 8192;  // as Dovecot has it
inline constexpr std::size_t kDovecotGreetingLines = 100;
inline constexpr seconds kDovecotConnect{5};  // connection and greeting
inline constexpr seconds kDovecotAnswer{30};  // Dovecot holds refusals back for seconds

// SMTP, client side of us.
inline constexpr std::size_t kCommandLineMaxBytes = 2048;     // without CRLF
inline constexpr std::size_t kAuthLineMaxBytes = 12'288;      // RFC 4954 4
inline constexpr std::size_t kAuthChallengeMaxBytes = 9'000;  // before base64
inline constexpr std::size_t kAuthSteps = 20;                 // responses of one exchange
inline constexpr std::size_t kAuthFailuresMax = 5;            // of one connection, then it ends
inline constexpr std::size_t kAuthFailuresPerSource = 50;     // lately; then AUTH is 421
inline constexpr minutes kAuthFailuresWindow{10};
inline constexpr std::size_t kAuthFailureSources = 10'000;     // that are counted at a time
inline constexpr std::size_t kUtf8CommandLineMaxBytes = 4096;  // where SMTPUTF8 is offered
inline constexpr std::size_t kEnvidMaxBytes = 100;             // RFC 3461 4.4, as xtext
inline constexpr std::size_t kOrcptMaxBytes = 500;             // RFC 3461 4.2, with its type
inline constexpr seconds kProxyHeaderWait{3};  // default of proxy_protocol_timeout; total
inline constexpr std::size_t kProxyHeaderMaxBytes = 4096;  // of version 2, with its fields
inline constexpr std::size_t kProxyTlvsMax = 64;           // fields of one header
inline constexpr std::size_t kXclientsMax = 100;           // XCLIENT commands of a connection
inline constexpr std::size_t kMessagesMax = 1000;  // default of smtp_accept_max_per_connection
inline constexpr std::size_t kMessageLineMaxBytes = 998;  // RFC 5322 2.1.1, without CRLF
// What message_linelength_limit can be set to: a line is held in memory while it comes.
inline constexpr std::size_t kMessageLineCeilingBytes = 64 * 1024;
inline constexpr std::size_t kHeaderSectionMaxBytes = 256 * 1024;
inline constexpr std::size_t kMessageBodyVisibleMaxBytes = 64 * 1024;  // of $message_body
// Of the body of a message that is held until its ACL has decided; more goes to a file.
inline constexpr std::size_t kHeldInMemoryBytes = 64 * 1024;
inline constexpr std::size_t kMessageMaxBytes = 50 * 1024 * 1024;  // default of message_size_limit
inline constexpr std::size_t kRecipientsMax = 1000;                // default of recipients_max
inline constexpr std::size_t kReceivedMax = 100;  // default of received_headers_max
inline constexpr std::size_t kSyntaxErrorsMax = 3;
inline constexpr std::size_t kUnknownCommandsMax = 3;
inline constexpr std::size_t kIdleCommandsMax = 10;  // default of smtp_accept_max_nonmail
inline constexpr std::size_t kRefusalsMax = 1000;    // replies 4xx and 5xx of one session
inline constexpr seconds kTlsHandshake{20};          // total, not renewed by progress
inline constexpr minutes kCommandWait{5};            // default of smtp_receive_timeout
inline constexpr hours kMessageTotal{1};
inline constexpr minutes kSessionWithoutMail{10};
inline constexpr std::size_t kConnectionsMax = 10'000;
inline constexpr std::size_t kConnectionsPerSource = 100;

// SMTP, upstream side.
inline constexpr seconds kUpstreamConnect{5};
inline constexpr minutes kUpstreamReply{5};
inline constexpr minutes kUpstreamFinalReply{10};
inline constexpr std::size_t kUpstreamReplyLines = 100;
inline constexpr std::size_t kUpstreamReplyLineBytes = 2048;

// signet send
inline constexpr minutes kSubmitTimeout{1};     // default of its timeout
inline constexpr hours kSubmitTimeMax{24};      // that a setting may ask for
inline constexpr seconds kSubmitRetryFirst{5};  // between tries; doubled each time
inline constexpr minutes kSubmitRetryMost{5};
inline constexpr std::size_t kSubmitMessageMaxBytes = 256 * 1024 * 1024;  // it is held in memory
inline constexpr std::size_t kSubmitSettingsMaxBytes = 64 * 1024;
inline constexpr seconds kUpstreamTlsHandshake{20};          // total, not renewed by progress
inline constexpr std::size_t kUpstreamAddressesPerHost = 8;  // of one name, that are tried
inline constexpr std::size_t kUpstreamAuthChallenges = 4;    // of one exchange
inline constexpr seconds kUpstreamRetry{60};  // a host that failed comes last so long
inline constexpr std::size_t kUpstreamHostsRemembered = 1000;  // of those, per worker
// Connections kept for the next message, per worker, and what one of them may see.
inline constexpr std::size_t kUpstreamIdleMax = 20;
inline constexpr seconds kUpstreamIdle{10};  // default of connection_idle_timeout
inline constexpr std::int64_t kUpstreamMessagesPerConnection = 100;  // connection_max_messages
inline constexpr seconds kCallForwardMaxAge{60};       // what an upstream said about an address
inline constexpr std::size_t kCallForwardKept = 1000;  // of those, per worker
inline constexpr std::size_t kClientPolicies = 64;     // credentials towards servers, in memory

// Decisions that can be asked for (rules C7, R7).
inline constexpr std::size_t kTraceMaxBytes = 64 * 1024;  // of one session, beside commands
inline constexpr std::size_t kTraceSteps = 2000;          // of one session, likewise
inline constexpr std::size_t kTraceTextBytes = 2000;      // of one value or query
inline constexpr std::int64_t kDecisionsKept = 500;       // default of decisions_kept
inline constexpr std::int64_t kDecisionsKeptMost = 100'000;
inline constexpr std::size_t kDecisionsBytes = 64 * 1024 * 1024;     // all that are kept, in memory
inline constexpr hours kDecisionMaxAge{7 * 24};                      // then they are forgotten
inline constexpr std::size_t kDecisionFileBytes = 64 * 1024 * 1024;  // then it is begun anew
inline constexpr std::size_t kDecisionsWrittenPerSecond = 4 * 1024 * 1024;  // octets, to the file
// Chains that did not verify, examined check by check for being told of later (rule R8).
inline constexpr std::size_t kExaminationsPerSecond = 20;
inline constexpr std::chrono::microseconds kExaminationTimePerSecond{50'000};
inline constexpr std::size_t kControlRequestBytes = 1024;
inline constexpr std::size_t kControlAnswerBytes = 256 * 1024 * 1024;
inline constexpr std::size_t kControlConnections = 8;  // at a time
inline constexpr seconds kControlWait{10};             // for a request, and for it to be read

// Offline tools. A file that is larger holds no client's certificate; what is deeper is a loop
// of mounts; more files are somebody's whole disk, and each certificate takes 8 KB of memory.
inline constexpr std::size_t kCertificateFileMaxBytes = 1024 * 1024;
inline constexpr std::size_t kCertificateTreeDepth = 32;
inline constexpr std::size_t kCertificateTreeFiles = 100'000;
inline constexpr std::size_t kPasswordFileMaxBytes = 64 * 1024;  // a token is not longer
inline constexpr seconds kProbesTotal{20};                       // of check, for open relays

// Metrics.
inline constexpr std::size_t kMetricsIdentities = 20;  // by name; all others are one
inline constexpr std::size_t kMetricsLabels = 50;      // values of any other label
inline constexpr std::size_t kMetricsConnections = 8;  // scrapes at a time
inline constexpr seconds kMetricsWait{10};             // for a scrape's request and answer

// Engine.
inline constexpr std::size_t kCoroutineStackBytes = 256 * 1024;  // only touched pages cost
inline constexpr std::size_t kCoroutineGuardBytes = 64 * 1024;   // GMP allocas up to 32 KiB a frame
inline constexpr std::size_t kBlockingThreads = 16;     // a resolver that hangs holds one each
inline constexpr std::size_t kBlockingForAnswers = 12;  // of them, for what clients can make slow
inline constexpr seconds kShutdownGrace{10};            // SIGTERM: for commands under way

// Processes.
inline constexpr std::chrono::milliseconds kRestartFirst{100};  // after a crash; doubled each time
inline constexpr seconds kRestartMost{30};
inline constexpr seconds kRestartSound{60};       // that long without a crash: doubling begins anew
inline constexpr std::size_t kListenersMax = 64;  // handed from process to process
inline constexpr seconds kTakeOver{10};           // for another process to give its listeners
inline constexpr std::size_t kKeysHeld = 256;     // by the key process, at a time
inline constexpr std::size_t kKeyRequestBytes = 8192;  // what is to be signed, and of which key
inline constexpr std::size_t kKeyAnswerBytes = 8192;   // a signature, or a public key
inline constexpr seconds kKeyAnswer{5};                // then the handshake fails

// Tickets of TLS sessions, and the keys for them that gateways share.
inline constexpr std::size_t kTicketKeysMax = 8;  // of one file: the newest seals, all open
inline constexpr std::size_t kTicketKeyFileBytes = 4096;
inline constexpr std::size_t kTicketSecretMinBytes = 32;
inline constexpr seconds kTicketKeysLook{10};  // how often the file is looked at
inline constexpr hours kTicketLifetime{6};     // from the full handshake

// Live sessions, when what was trusted is not any more.
inline constexpr std::size_t kSessionRecheckBytes = 64 * 1024;  // of a chain that is kept for it

// Chain cache.
inline constexpr std::size_t kChainCacheEntries = 10'000;
inline constexpr std::size_t kChainCacheMaxAgeSeconds = 3600;
inline constexpr std::size_t kChainCacheBadMaxAgeSeconds = 60;

// Configuration.
inline constexpr std::size_t kIncludeDepth = 20;
inline constexpr std::size_t kIfdefDepth = 10;  // as in Exim
inline constexpr std::size_t kMacroNameMaxBytes = 63;
// A line after macros and continuation, and all files together: macros multiply.
inline constexpr std::size_t kConfigurationLineMaxBytes = 1024 * 1024;
inline constexpr std::size_t kConfigurationMaxBytes = 16 * 1024 * 1024;

// Log.
inline constexpr std::size_t kLogLineMaxBytes = 8192;
inline constexpr std::size_t kLogQueueBytes = 4 * 1024 * 1024;  // for a place that can't be written
inline constexpr std::size_t kTlsReportDays = 8;                // kept: a week and today
inline constexpr std::size_t kTlsReportHosts = 500;             // of a day
inline constexpr std::size_t kTlsReportFailures = 50;           // kinds of a host and day
inline constexpr std::size_t kTlsReportFileBytes = 64 * 1024 * 1024;
inline constexpr seconds kTlsReportSave{60};  // between writes of what was counted
inline constexpr seconds kLogDrain{2};        // for what waits, at the end

}  // namespace signet::limits
#endif
