#ifndef SIGNET_TEST_SUPPORT_CLIENTS_H_
#define SIGNET_TEST_SUPPORT_CLIENTS_H_

#include <string>
#include <vector>

#include "test/support/process.h"

namespace signet::test {

// Programs that people submit mail with, or test servers with.
enum class Program { kSwaks, kOpenssl, kGnutlsCli, kMsmtp, kCurl, kPython };
const char* Name(Program program);

struct Submission {
  int port = 0;
  bool tls_on_connect = false;
  const char* version = "1.3";   // of TLS: "1.2", "1.3"
  std::string certificate, key;  // PEM files, "" for none
  std::string ca;                // that vouches for the server
  std::string ca_chain;          // the same and its intermediate
  std::string sender = "alice@example.org", recipient = "someone@example.net";
  std::vector<std::string> more_recipients;
  std::string content;  // lines with CRLF
  // Of msmtp and Python alone: asks for a notification of success, headers only. Python gives
  // an ENVID too.
  bool dsn = false;
  std::string envid;
  bool smtputf8 = false;  // Python has to be told
  bool quiet = false;     // the conversation is not printed where that can be helped
  // What the client does with AUTH: "" leaves it alone, else EXTERNAL, PLAIN, LOGIN,
  // CRAM-MD5, or ANY for what the program itself chooses. With EXTERNAL, `user` is the
  // identity that it asks for ("": its own).
  std::string mechanism, user, password;
};

// Submits with that program. Status 0 where it says that the message was accepted; the
// output is whatever it prints.
Finished SubmitWith(Program program, const Submission& submission);

}  // namespace signet::test
#endif
