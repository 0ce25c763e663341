#ifndef SIGNET_SRC_SMTP_DIALOGUE_H_
#define SIGNET_SRC_SMTP_DIALOGUE_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "src/acl/acl.h"
#include "src/relay/relay.h"
#include "src/smtp/input.h"
#include "src/smtp/log_lines.h"
#include "src/smtp/parse.h"
#include "src/smtp/reference.h"
#include "src/smtp/reply.h"
#include "src/smtp/services.h"
#include "src/smtp/session.h"
#include "src/tls/tls.h"

// The state of one session, for the files of this folder that make up the dialogue:
// session.cc (the order of things), commands.cc, envelope.cc, starttls.cc, receive.cc.
namespace signet::smtp {

// How far a session has come; what the command table asks for (rule S7).
enum class State : std::uint8_t {
  kGreeted,  // no EHLO yet, or none since STARTTLS
  kHello,
  kMail,  // a sender
  kRcpt,  // and a recipient
};
// What a command gave: a reply (or none, where the answer is a TLS handshake), whether it
// was a mistake that counts, and whether the session ends with it.
enum class Fault : std::uint8_t { kNone, kSyntax, kProtocol };
struct Answer {
  std::optional<Reply> reply;
  Fault fault = Fault::kNone;
  bool ends = false;

  Answer() = default;
  Answer(Reply r, Fault f = Fault::kNone)  // NOLINT: an answer is mostly a reply
      : reply(std::move(r)), fault(f), ends(reply->closes) {}
};

class Receiver;

// A refusal as the client was told of it, for whoever asks why.
struct ToldRefusal {
  std::string command;  // as in the log: "RCPT <x@y>"; no password
  Reply reply;
  std::string log_text;
  SourceSpan where;             // of the statement that decided; may be empty
  bool about_identity = false;  // it hangs on who the client is
  bool of_message = false;      // its words may be a part of the message: they are not kept
};

class Dialogue final : public acl::Effects {
 public:
  Dialogue(engine::Socket socket, facts::Connection connection, SessionContext session_context);
  ~Dialogue() override;

  void Run();

  // --- input and output ------------------------------------------------------------
  // Replies gather until the session has to wait for its client: pipelined commands are
  // answered with one write.
  void Send(const Reply& reply);
  bool Flush();
  // Whether the client has sent something that was not read as a command yet.
  bool InputWaiting();
  // A line of the client, and what to do where none came: says so where somebody may still
  // listen; always false.
  Input::Line ReadLine(std::size_t max_bytes, std::optional<Deadline> until = std::nullopt);
  bool InputTrouble(const Input::Line& line);

  // --- state ------------------------------------------------------------------------
  State state() const;
  void ResetEnvelope();  // as RSET does
  void ForgetSession();  // as a new TLS layer does (rule T2)
  // As after the greeting of another client, whom XCLIENT has told about: limits, the ACL of
  // the connection, and EHLO come again.
  Answer BeginAgain();

  bool EnforcesSync() const {
    return session_.controls.enforce_sync.value_or(config.main.smtp_enforce_sync);
  }

  // --- access control -----------------------------------------------------------------
  facts::Verdict Ask(config::AclWhen when, facts::Phase phase);
  // The answer to a command that its ACL did not accept, logged; nullopt where it did.
  // `what` as in the log, "RCPT <x@y>".
  std::optional<Answer> Refusal(const facts::Verdict& verdict, const Reply& standard,
                                std::string_view what);
  // A positive answer, with the accepting statement's text in place of the standard one.
  Reply Accepted(const facts::Verdict& verdict, const Reply& standard);

  // The last words to a client that does not quit: the text of acl_smtp_notquit takes the
  // place of `standard`'s. Once per connection.
  Reply Farewell(std::string_view reason, Reply standard);

  // Whether hosts of a list option are offered something; a list that fails offers nothing.
  bool Offers(const config::Expanded& hosts, std::string_view option);
  // A list option, matched against the client's address. Unset matches nobody.
  Result<bool, Failure> ClientIn(const config::Expanded& hosts);
  Result<bool, Failure> HostIn(const config::Expanded& hosts, std::string_view ip);

  // Remembers the last refusal that was decided, and not for a mistake of the client's.
  void NoteRefusal(ToldRefusal refusal);

  // A refusal of the upstream, logged and passed on; `what` as above.
  Answer RefusedUpstream(const relay::Reply& reply, std::string_view what);

  // `logs`: "main", "reject", "panic", as a verdict may name them. `named`: with the reference.
  void LogRejection(smtp::Refusal refusal, std::string_view what, std::string_view why,
                    const std::optional<std::vector<std::string>>& logs = std::nullopt,
                    Named named = Named::kNo);
  std::string Host() const { return HostName(session_, selector); }
  // Whether the client sent commands in groups since the last EHLO, for the log.
  Arrival::Pipelining Pipelining() const {
    return pipelining_used_     ? Arrival::Pipelining::kUsed
           : pipelining_offered ? Arrival::Pipelining::kUnused
                                : Arrival::Pipelining::kNotOffered;
  }
  bool Shutting() const {
    return context.shutting_down != nullptr &&
           context.shutting_down->load(std::memory_order_relaxed);
  }

  // --- acl::Effects -------------------------------------------------------------------
  void SetVariable(const std::string& name, Value value) override;
  void AddHeader(facts::AddedHeader header) override;
  void RemoveHeader(std::string pattern) override;
  acl::VerifyAnswer VerifyAddress(const acl::VerifyRequest& request) override;
  acl::RateAnswer UpdateRate(const acl::RateRequest& request) override;
  void LogWrite(std::string_view log, std::string_view text) override;
  bool Logs(Selector which) const override { return selector.Has(which); }
  void Delay(std::chrono::milliseconds time) override;
  facts::Session& session() override { return session_; }
  const facts::Session& session() const { return session_; }

  // --- what the files of the dialogue share --------------------------------------------
  SessionContext context;
  const config::Config& config;
  LogSelector selector;
  SessionServices services;
  std::unique_ptr<tls::Stream> stream;
  Input input;

  std::uint64_t message_size_limit = limits::kMessageMaxBytes;  // 0: none
  std::uint64_t recipients_max = limits::kRecipientsMax;        // 0: none
  bool starttls_offered = false;                                // in the last EHLO
  bool pipelining_offered = false;
  bool chunking_offered = false;
  bool dsn_offered = false;
  bool smtputf8_offered = false;
  bool helo_required = true;                          // MAIL wants EHLO or HELO first
  bool idle_counted = true;                           // against smtp_accept_max_nonmail
  std::uint64_t messages_max = limits::kMessagesMax;  // of the connection; 0: any number
  std::uint64_t messages = 0;                         // that MAIL began
  bool recipients_over = false;   // recipients_max was reached, and recipients_max_reject is set
  bool behind_proxy = false;      // the connection began with a PROXY header
  bool xclient_offered = false;   // in the last EHLO
  std::size_t xclients = 0;       // XCLIENT commands that were taken
  bool auth_used = false;         // an AUTH command has succeeded
  std::size_t auth_failures = 0;  // of this connection

  // The transaction.
  std::unique_ptr<relay::Transaction> transaction;
  relay::TransactionOptions transaction_options;
  std::unique_ptr<Receiver> receiver;  // between the chunks of a message (BDAT)
  std::size_t recipients_discarded = 0;
  bool discard_all = false;   // the MAIL ACL said so
  bool mail_refused = false;  // what follows in the same group is no mistake
  bool rcpt_refused = false;
  std::optional<Reply> rcpt_refusal;  // of all of them, while they are the same

  // One of each between messages is not counted as idle.
  bool free_hello = true;
  bool free_rset = true;
  bool free_starttls = true;
  bool free_auth = true;
  Deadline without_mail;  // by then a message must have come

  Referral referral;  // to the decision about this client

  // How the session ends, for the log: "closed by QUIT", …
  std::string ending;

  // What was decided, for whoever asks why (decide.h).
  std::optional<facts::Trace> own_trace;  // session().trace, where decisions are kept
  std::string packed_steps;               // what was in it when the session began to wait
  std::size_t packed_dropped = 0;
  std::string reference;  // that refusals name; "" until there is one
  std::optional<ToldRefusal> told_refusal;
  std::string last_mail;               // "<a@b>" of the last MAIL
  std::vector<std::string> last_rcpt;  // and of its RCPTs, whatever the answers
  std::string last_auth;               // mechanism of the last AUTH

  // What the client's certificate and authenticator were last found good under: the number of
  // a configuration, and of changes to the files of TLS policies.
  std::uint64_t good_under_site = 0, good_under_files = 0;
  MonotonicTime looked_at = std::chrono::steady_clock::now();  // whether files have changed

  // Set where tls_verify_hosts wants a certificate that the client does not have: the answer
  // to whatever it says next, which ends the session (rule T12).
  std::optional<Reply> certificate_refusal;

 private:
  std::string FindLimits();
  std::string FindHostname();
  std::string FindLists();
  bool RejectedHost();
  facts::Verdict AskNotquit();
  std::size_t LineMaxBytes() const;
  bool ReadLimits();
  bool GreetingAllowed();
  bool Greet();
  bool Connect();
  bool ConnectTls();
  bool RefuseCertificate();
  bool Refuse(const facts::Verdict& verdict);
  void Converse();
  bool AwaitCommand();
  bool NoInput(Input::Status why);
  Input::Status AwaitInput();
  bool Step();
  Answer BadLine(const Input::Line& line);
  bool IsStrayPassword(const Command& command) const;
  std::string ShownHere(const Command& command) const;
  Answer Execute(const Command& command);
  void Carry(const Command& command, const Input::Line& line, Answer* answer);
  void PackTrace();
  void NoteAnswer(const Command& command, const Answer& answer);
  bool Greeted();
  Answer UnknownCommand(const Command& command);
  std::optional<Answer> OutOfSync(const Command& command);
  std::optional<Answer> TooIdle(const Command& command);
  bool IsFree(const Command& command);
  void CountMistake(const Command& command, Answer* answer);
  void CountRefusal(const Command& command, Answer* answer);
  void LogIncomplete(std::string_view why);
  void LogNoMail();
  std::string CommandsField() const;
  void NoteCommand(const Command& command);
  void Close();
  Deadline CommandDeadline() const;
  Result<std::uint64_t, std::string> Number(const config::Expanded& option, std::uint64_t standard);

  facts::Session session_;
  std::string output_;
  bool output_failed_ = false;
  Deadline command_due_ = Deadline::Never();
  Reply last_reply_;  // where decisions are written down
  // For the log: names of the last commands, whether MAIL was one of all, and whether more
  // input stood behind a command.
  std::vector<std::string_view> commands_;
  bool mail_seen_ = false;
  bool pipelining_used_ = false;
  bool password_may_follow_ = false;
  bool notquit_asked_ = false;
  bool nolog_ = false;  // hosts_connection_nolog
  std::uint32_t mistakes_ = 0;
  std::uint32_t unknown_commands_ = 0;
  std::uint32_t idle_commands_ = 0;
  std::uint32_t refusals_ = 0;
};

// --- starttls.cc ------------------------------------------------------------------------
struct TlsPlan {
  tls::ServerPolicyPtr policy;  // nullptr: chosen by the server name that the client asks for
  tls::AcceptOptions options = tls::ClientCertificate::kIgnore;
};
// Negotiates TLS on the session's stream and runs the authenticator. False: the
// connection is of no use any more.
bool StartTls(Dialogue& dialogue, TlsPlan plan);
// Errors: for the log.
Result<TlsPlan, std::string> PlanTls(Dialogue& dialogue);
// Runs acl_smtp_auth and the authenticator. False: the ACL dropped the connection.
bool Authenticate(Dialogue& dialogue);
Answer RunStarttls(Dialogue& dialogue, const Command& command);

// --- recheck.cc -------------------------------------------------------------------------
// After a reload, or where files of certificates have changed: the end of a session whose
// client would not be known any more (nullopt: it goes on). Costs two comparisons where
// nothing has changed. May wait.
std::optional<Answer> EndWhereOutdated(Dialogue& dialogue, std::string_view what);

// --- proxy.cc ---------------------------------------------------------------------------
// The PROXY header, where hosts_proxy wants one (rule S15). False: the connection is over.
bool ReadProxyHeader(Dialogue& dialogue);
// What whoever logs in by XCLIENT is authenticated by, in place of an authenticator.
inline constexpr char kXclientAuthenticator[] = "xclient";
// Whether the other end may say XCLIENT, and LOGIN with it (rules S15, I13).
bool MayXclient(Dialogue& dialogue);
bool MayXclientLogin(Dialogue& dialogue);
Answer RunXclient(Dialogue& dialogue, const Command& command);

// --- envelope.cc ------------------------------------------------------------------------
Answer RunMail(Dialogue& dialogue, const Command& command);
Answer RunRcpt(Dialogue& dialogue, const Command& command);

// --- receive.cc -------------------------------------------------------------------------
Answer RunData(Dialogue& dialogue, const Command& command);

// --- bdat.cc ----------------------------------------------------------------------------
Answer RunBdat(Dialogue& dialogue, const Command& command);

}  // namespace signet::smtp
#endif
