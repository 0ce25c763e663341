#include "drivers/lookup/ldap_codec.h"

#include <errno.h>
#include <lber.h>
#include <ldap.h>
#include <openldap.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

namespace signet::ldap {
namespace {

static_assert(kSuccess == LDAP_SUCCESS && kSizeLimitExceeded == LDAP_SIZELIMIT_EXCEEDED);
static_assert(kReferral == LDAP_REFERRAL);
static_assert(kNoSuchObject == LDAP_NO_SUCH_OBJECT && kInvalidDnSyntax == LDAP_INVALID_DN_SYNTAX);
static_assert(kAliasDereferencingProblem == LDAP_ALIAS_DEREF_PROBLEM);
static_assert(kInvalidCredentials == LDAP_INVALID_CREDENTIALS);

// One message may not be larger than a whole answer, by far (rule L9).
constexpr std::size_t kMessageBytesMax = 2 * kAnswerBytesMax;

// The transport that libldap sees: two buffers. Its callbacks never wait.
struct Transport {
  std::string in, out;
  std::size_t in_used = 0;
  std::size_t left() const { return in.size() - in_used; }
};

Transport* TransportOf(Sockbuf_IO_Desc* descriptor) {
  return static_cast<Transport*>(descriptor->sbiod_pvt);
}

int Setup(Sockbuf_IO_Desc* descriptor, void* transport) {
  descriptor->sbiod_pvt = transport;
  return 0;
}
int Remove(Sockbuf_IO_Desc*) { return 0; }
int CloseTransport(Sockbuf_IO_Desc*) { return 0; }

int Control(Sockbuf_IO_Desc* descriptor, int option, void*) {
  return option == LBER_SB_OPT_DATA_READY && TransportOf(descriptor)->left() > 0 ? 1 : 0;
}

ber_slen_t ReadTransport(Sockbuf_IO_Desc* descriptor, void* data, ber_len_t size) {
  Transport* transport = TransportOf(descriptor);
  if (transport->left() == 0) {
    errno = EWOULDBLOCK;
    return -1;
  }
  const std::size_t taken = std::min<std::size_t>(transport->left(), size);
  memcpy(data, transport->in.data() + transport->in_used, taken);
  transport->in_used += taken;
  return static_cast<ber_slen_t>(taken);
}

// Never short, so that libldap never waits to write the rest.
ber_slen_t WriteTransport(Sockbuf_IO_Desc* descriptor, void* data, ber_len_t size) {
  TransportOf(descriptor)->out.append(static_cast<const char*>(data), size);
  return static_cast<ber_slen_t>(size);
}

// libldap takes it without const.
Sockbuf_IO transport_functions = {Setup,         Remove,         Control,
                                  ReadTransport, WriteTransport, CloseTransport};

// Follows the outer layer of the octets from the server, so that what is not LDAP shows
// at its first octets and not as a message that never becomes complete.
class Framing {
 public:
  // False where `octets` cannot be LDAP messages, or one is too large.
  bool Follow(std::string_view octets) {
    while (!octets.empty()) {
      if (body_left_ > 0) {
        const std::size_t taken = std::min(body_left_, octets.size());
        body_left_ -= taken;
        octets.remove_prefix(taken);
      } else {
        if (!Take(static_cast<unsigned char>(octets[0]))) return false;
        octets.remove_prefix(1);
      }
    }
    return true;
  }

 private:
  // An octet of the tag (a SEQUENCE) or the length of a message.
  bool Take(unsigned char octet) {
    switch (head_++) {
      case 0:
        return octet == 0x30;
      case 1:
        length_ = 0;
        length_left_ = octet & 0x80 ? octet & 0x7f : 0;
        if (octet == 0x80 || length_left_ > 4) return false;
        if (length_left_ > 0) return true;
        length_ = octet;
        break;
      default:
        length_ = length_ << 8 | octet;
        if (--length_left_ > 0) return true;
    }
    head_ = 0;
    body_left_ = length_;
    return length_ > 0 && length_ <= kMessageBytesMax;
  }

  unsigned head_ = 0, length_left_ = 0;
  std::size_t length_ = 0, body_left_ = 0;
};

// Frees what libldap allocated.
struct Free {
  void operator()(char* text) const { ldap_memfree(text); }
  void operator()(BerElement* element) const { ber_free(element, 0); }
  void operator()(LDAPMessage* message) const { ldap_msgfree(message); }
  void operator()(berval** values) const { ldap_value_free_len(values); }
};
template <typename T>
using Owned = std::unique_ptr<T, Free>;

void AddValues(LDAP* ld, LDAPMessage* raw, const char* name, Message* message) {
  Attribute attribute;
  attribute.name = name;
  const std::unique_ptr<berval*, Free> values(ldap_get_values_len(ld, raw, name));
  for (berval** value = values.get(); value != nullptr && *value != nullptr; ++value) {
    attribute.values.emplace_back((*value)->bv_val, (*value)->bv_len);
    message->bytes += (*value)->bv_len;
  }
  message->bytes += attribute.name.size();
  message->entry.attributes.push_back(std::move(attribute));
}

void ReadEntry(LDAP* ld, LDAPMessage* raw, Message* message) {
  message->kind = Message::kEntry;
  const Owned<char> dn(ldap_get_dn(ld, raw));
  if (dn != nullptr) message->entry.dn = dn.get();
  message->bytes = message->entry.dn.size();
  BerElement* position = nullptr;
  Owned<char> name(ldap_first_attribute(ld, raw, &position));
  const Owned<BerElement> owned_position(position);
  for (; name != nullptr; name.reset(ldap_next_attribute(ld, raw, position)))
    AddValues(ld, raw, name.get(), message);
}

void TakeUrls(char** urls, Message* message) {
  for (char** url = urls; url != nullptr && *url != nullptr; ++url)
    message->urls.emplace_back(*url);
  ldap_memvfree(reinterpret_cast<void**>(urls));
}

void ReadReference(LDAP* ld, LDAPMessage* raw, Message* message) {
  message->kind = Message::kReference;
  char** urls = nullptr;
  ldap_parse_reference(ld, raw, &urls, nullptr, 0);
  TakeUrls(urls, message);
}

bool ReadResult(LDAP* ld, LDAPMessage* raw, Message* message) {
  message->kind = Message::kResult;
  char *matched = nullptr, *text = nullptr;
  char** urls = nullptr;
  const int parsed = ldap_parse_result(ld, raw, &message->code, &matched, &text, &urls, nullptr, 0);
  TakeUrls(urls, message);
  const Owned<char> owned_matched(matched), owned_text(text);
  if (matched != nullptr) message->matched = matched;
  if (text != nullptr) message->text = text;
  return parsed == LDAP_SUCCESS;
}

int ScopeOf(Scope scope) {
  switch (scope) {
    case Scope::kBase:
      return LDAP_SCOPE_BASE;
    case Scope::kOne:
      return LDAP_SCOPE_ONELEVEL;
    case Scope::kSub:
      return LDAP_SCOPE_SUBTREE;
  }
  return LDAP_SCOPE_BASE;
}

int DereferenceOf(Dereference dereference) {
  switch (dereference) {
    case Dereference::kNever:
      return LDAP_DEREF_NEVER;
    case Dereference::kSearching:
      return LDAP_DEREF_SEARCHING;
    case Dereference::kFinding:
      return LDAP_DEREF_FINDING;
    case Dereference::kAlways:
      return LDAP_DEREF_ALWAYS;
  }
  return LDAP_DEREF_NEVER;
}

}  // namespace

struct Codec::Rep {
  LDAP* ld = nullptr;
  int dummy_fd = -1;  // libldap wants to poll something; this is never readable
  bool broken = true;
  Transport transport;
  Framing framing;

  // The id of a request, or the code why there is none.
  int Sent(int code, int id) const {
    if (code == LDAP_SUCCESS && id > 0) return id;
    return code > 0 ? -code : code == 0 ? LDAP_OTHER : code;
  }
};

std::string CodeText(int code) { return ldap_err2string(code); }

Codec::Codec() : rep_(std::make_unique<Rep>()) {
  rep_->dummy_fd = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (rep_->dummy_fd < 0) return;
  if (ldap_init_fd(rep_->dummy_fd, LDAP_PROTO_EXT, nullptr, &rep_->ld) != LDAP_SUCCESS) return;
  const int version = LDAP_VERSION3;
  ldap_set_option(rep_->ld, LDAP_OPT_PROTOCOL_VERSION, &version);
  ldap_set_option(rep_->ld, LDAP_OPT_REFERRALS, LDAP_OPT_OFF);  // rule L7
  ldap_set_option(rep_->ld, LDAP_OPT_RESTART, LDAP_OPT_OFF);
  Sockbuf* socket_buffer = nullptr;
  if (ldap_get_option(rep_->ld, LDAP_OPT_SOCKBUF, &socket_buffer) != LDAP_SUCCESS) return;
  if (ber_sockbuf_add_io(socket_buffer, &transport_functions, LBER_SBIOD_LEVEL_PROVIDER,
                         &rep_->transport) != 0)
    return;
  ber_len_t most = kMessageBytesMax;
  ber_sockbuf_ctrl(socket_buffer, LBER_SB_OPT_SET_MAX_INCOMING, &most);
  rep_->broken = false;
}

Codec::~Codec() {
  if (rep_->ld != nullptr) ldap_unbind_ext(rep_->ld, nullptr, nullptr);
  if (rep_->dummy_fd >= 0) ::close(rep_->dummy_fd);
}

bool Codec::broken() const { return rep_->broken; }
bool Codec::has_output() const { return !rep_->transport.out.empty(); }
bool Codec::has_leftover() const { return rep_->transport.left() > 0; }
std::string Codec::TakeOutput() { return std::exchange(rep_->transport.out, {}); }

void Codec::Feed(std::string_view octets) {
  Transport& transport = rep_->transport;
  transport.in.erase(0, transport.in_used);
  transport.in_used = 0;
  transport.in += octets;
  if (!rep_->framing.Follow(octets)) rep_->broken = true;
}

int Codec::Bind(const std::string& dn, std::string_view password) {
  if (rep_->broken) return LDAP_SERVER_DOWN;
  berval credentials{password.size(), const_cast<char*>(password.data())};
  int id = 0;
  const int code =
      ldap_sasl_bind(rep_->ld, dn.c_str(), LDAP_SASL_SIMPLE, &credentials, nullptr, nullptr, &id);
  return rep_->Sent(code, id);
}

int Codec::StartTls() {
  if (rep_->broken) return LDAP_SERVER_DOWN;
  int id = 0;
  const int code =
      ldap_extended_operation(rep_->ld, LDAP_EXOP_START_TLS, nullptr, nullptr, nullptr, &id);
  return rep_->Sent(code, id);
}

int Codec::Search(const SearchRequest& request) {
  if (rep_->broken) return LDAP_SERVER_DOWN;
  std::vector<char*> attributes;
  for (const std::string& attribute : request.attributes)
    attributes.push_back(const_cast<char*>(attribute.c_str()));
  attributes.push_back(nullptr);
  const int dereference = DereferenceOf(request.dereference);
  ldap_set_option(rep_->ld, LDAP_OPT_DEREF, &dereference);
  timeval limit{std::max(1, request.time_limit_s), 0};
  int id = 0;
  const int code = ldap_search_ext(rep_->ld, request.base.c_str(), ScopeOf(request.scope),
                                   request.filter.empty() ? nullptr : request.filter.c_str(),
                                   request.attributes.empty() ? nullptr : attributes.data(), 0,
                                   nullptr, nullptr, &limit, request.size_limit, &id);
  return rep_->Sent(code, id);
}

void Codec::Abandon(int id) {
  if (!rep_->broken) ldap_abandon_ext(rep_->ld, id, nullptr, nullptr);
}

bool Codec::Next(Message* message) {
  if (rep_->broken) return false;
  timeval now{0, 0};
  LDAPMessage* raw = nullptr;
  const int type = ldap_result(rep_->ld, LDAP_RES_ANY, LDAP_MSG_ONE, &now, &raw);
  const Owned<LDAPMessage> owned(raw);
  if (type == 0) return false;
  if (type < 0) {
    rep_->broken = true;
    return false;
  }
  *message = Message();
  message->id = ldap_msgid(raw);
  if (type == LDAP_RES_SEARCH_ENTRY) {
    ReadEntry(rep_->ld, raw, message);
  } else if (type == LDAP_RES_SEARCH_REFERENCE) {
    ReadReference(rep_->ld, raw, message);
  } else if (type == LDAP_RES_INTERMEDIATE) {
    return Next(message);  // nothing that we asked for answers in parts
  } else {
    rep_->broken = !ReadResult(rep_->ld, raw, message);
  }
  return !rep_->broken;
}

}  // namespace signet::ldap
