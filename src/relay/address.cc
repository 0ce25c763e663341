#include "src/relay/address.h"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <cstring>
#include <map>
#include <memory>

#include "expand/network.h"
#include "src/base/limits.h"
#include "src/engine/engine.h"

namespace signet::relay {
namespace {

Address MakeAddress(const sockaddr* from, socklen_t size) {
  Address address;
  std::memcpy(&address.storage, from, size);
  address.size = size;
  char text[NI_MAXHOST] = "";
  getnameinfo(from, size, text, sizeof text, nullptr, 0, NI_NUMERICHOST);
  address.ip = text;
  return address;
}

void SetPort(Address* address, int port) {
  const auto net_port = htons(static_cast<std::uint16_t>(port));
  if (address->storage.ss_family == AF_INET)
    reinterpret_cast<sockaddr_in*>(&address->storage)->sin_port = net_port;
  else
    reinterpret_cast<sockaddr_in6*>(&address->storage)->sin6_port = net_port;
}

// What the resolver says of a name, and those who wait for it. Shared: whoever's time is over
// goes away before there is an answer.
struct Question {
  std::string name;
  std::vector<Address> addresses;  // without their port
  int error = 0;
  bool answered = false;
  engine::Event changed;
};
using QuestionPtr = std::shared_ptr<Question>;

void Ask(Question* question, int flags) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = flags;
  addrinfo* first = nullptr;
  question->error = getaddrinfo(question->name.c_str(), nullptr, &hints, &first);
  if (question->error != 0) return;
  for (addrinfo* i = first;
       i != nullptr && question->addresses.size() < limits::kUpstreamAddressesPerHost;
       i = i->ai_next)
    if (i->ai_family == AF_INET || i->ai_family == AF_INET6)
      question->addresses.push_back(MakeAddress(i->ai_addr, i->ai_addrlen));
  freeaddrinfo(first);
}

// One question for a name at a time, so that a resolver that is silent holds up one thread of
// the pool for it and not one for each message.
QuestionPtr AskOnce(const std::string& name) {
  thread_local std::map<std::string, QuestionPtr> under_way;
  QuestionPtr& there = under_way[name];
  if (there != nullptr) return there;
  auto question = std::make_shared<Question>();
  question->name = name;
  const bool started = engine::Loop::Current()->Spawn([question, asked = &under_way] {
    engine::BlockingForAnswer([&question] { Ask(question.get(), AI_ADDRCONFIG); });
    question->answered = true;
    asked->erase(question->name);
    question->changed.Signal();
  });
  if (!started) {
    under_way.erase(name);
    question->error = EAI_MEMORY;
    question->answered = true;
    return question;
  }
  if (!question->answered) there = question;
  return question;
}

QuestionPtr AnswerFor(const std::string& name) {
  if (!expand::ParseHostAddress(name) && engine::InCoroutine()) {
    const QuestionPtr question = AskOnce(name);
    const Deadline deadline = Deadline::After(kResolverMost);
    engine::IoStatus status = engine::IoStatus::kOk;
    while (!question->answered && status == engine::IoStatus::kOk)
      status = question->changed.Wait(deadline);
    return question;
  }
  auto question = std::make_shared<Question>();
  question->name = name;
  Ask(question.get(), expand::ParseHostAddress(name) ? AI_NUMERICHOST : AI_ADDRCONFIG);
  question->answered = true;
  return question;
}

}  // namespace

bool Address::IsLocal() const {
  if (storage.ss_family == AF_UNIX) return true;
  const auto address = expand::ParseHostAddress(ip);
  if (!address) return false;
  static const auto kLoopback = expand::ParseNetwork("127.0.0.0/8");
  static const auto kLoopback6 = expand::ParseNetwork("::1");
  return expand::Contains(*kLoopback, *address) || expand::Contains(*kLoopback6, *address);
}

Result<std::vector<Address>, std::string> Resolve(const Host& host) {
  const QuestionPtr question = AnswerFor(host.name);
  if (!question->answered)
    return Err{std::string("cannot find its address: no answer from the resolver")};
  if (question->error != 0)
    return Err{"cannot find its address: " + std::string(gai_strerror(question->error))};
  std::vector<Address> addresses = question->addresses;
  if (addresses.empty()) return Err{std::string("no address")};
  for (Address& address : addresses) SetPort(&address, host.port);
  return addresses;
}

Result<Address, std::string> SocketAddress(const std::string& path) {
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  if (path.size() >= sizeof name.sun_path) return Err{std::string("path of a socket too long")};
  std::memcpy(name.sun_path, path.data(), path.size());
  Address address;
  std::memcpy(&address.storage, &name, sizeof name);
  address.size = sizeof name;
  return address;
}

}  // namespace signet::relay
