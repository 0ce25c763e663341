#include "test/support/responder.h"

#include <sys/stat.h>

#include <cstdio>
#include <stdexcept>

namespace signet::test {
namespace {

void Openssl(const std::vector<std::string>& arguments) {
  std::vector<std::string> command = {"openssl"};
  command.insert(command.end(), arguments.begin(), arguments.end());
  const Finished finished = Run(command);
  if (finished.status != 0) throw std::runtime_error(finished.output);
}

}  // namespace

Responder::Responder() {
  const std::vector<std::string> new_key = {
      "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout"};
  const auto request = [&](std::vector<std::string> first, const std::vector<std::string>& then) {
    first.insert(first.end(), new_key.begin(), new_key.end());
    first.insert(first.end(), then.begin(), then.end());
    Openssl(first);
  };
  request({"req", "-x509"}, {dir_ / "ca.key", "-out", dir_ / "ca.pem", "-subj",
                             "/CN=Responder of " + Replace(dir_.path(), "/", ".")});
  request({"req", "-new"}, {key(), "-out", dir_ / "csr", "-subj", "/CN=localhost"});
  Openssl({"x509", "-req", "-in", dir_ / "csr", "-CA", dir_ / "ca.pem", "-CAkey", dir_ / "ca.key",
           "-set_serial", "4096", "-out", dir_ / "leaf.pem"});
  WriteFile(certificate(), ReadFile(dir_ / "leaf.pem") + ReadFile(dir_ / "ca.pem"));
  WriteFile(dir_ / "good", "V\t391231235959Z\t\t1000\tunknown\t/CN=localhost\n");
  WriteFile(dir_ / "revoked", "R\t391231235959Z\t250101000000Z\t1000\tunknown\t/CN=localhost\n");
  chmod(key().c_str(), 0600);
}

void Responder::Respond(const std::string& index, const std::vector<std::string>& validity) const {
  Openssl({"ocsp", "-no_nonce", "-issuer", dir_ / "ca.pem", "-cert", dir_ / "leaf.pem", "-reqout",
           dir_ / "request"});
  std::vector<std::string> respond = {"ocsp",          "-index",   dir_ / index,     "-CA",
                                      dir_ / "ca.pem", "-rsigner", dir_ / "ca.pem",  "-rkey",
                                      dir_ / "ca.key", "-reqin",   dir_ / "request", "-respout",
                                      dir_ / "draft"};
  respond.insert(respond.end(), validity.begin(), validity.end());
  Openssl(respond);
  std::rename((dir_ / "draft").c_str(), response().c_str());
}

}  // namespace signet::test
