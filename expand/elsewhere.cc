#include "expand/table.h"

// Names of Exim's language that have no row here, so that a diagnostic can say why.
namespace signet::expand {
namespace {

constexpr std::string_view kLater = "is part of the language but not available in this version";
constexpr std::string_view kNeedsMessage =
    "needs a message or a queue, which this gateway does not keep";
// clang-format off
constexpr ElsewhereRow kItemNames[] = {
  {"dlfunc", "calls a function of a shared object; expansions run no other code here"},
  {"imapfolder", "encodes the name of an IMAP folder; messages are not sorted into folders here"},
  {"perl", "calls a Perl function; expansions run no other code here"},
  {"prvs", "signs a return path (BATV); return paths are passed on as they are here"},
  {"prvscheck", "checks a signed return path (BATV); return paths are passed on as they are here"},
  {"readfile", "puts in a whole file; expansions read files through lookups only here"},
  {"readsocket", "puts in what a socket answers; expansions ask others through lookups only here"},
  {"run", "runs a program and puts in its output; expansions run no other code here"},
  {"srs_encode", "rewrites a return path (SRS); return paths are passed on as they are here"},
};
constexpr ElsewhereRow kConditionNames[] = {
  {"first_delivery", "asks whether a delivery is the first try; no message is queued here"},
  {"inbound_srs", "checks a rewritten return path (SRS); return paths are passed on as they are here"},
  {"pam", "asks PAM for an account; use ldapauth or crypteq with a lookup here"},
  {"pwcheck", "asks the pwcheck daemon, which Exim has given up; use ldapauth or crypteq with a lookup here"},
  {"queue_running", "asks whether a queue runner delivers; no message is queued here"},
  {"radius", "asks a RADIUS server; use ldapauth or crypteq with a lookup here"},
  {"saslauthd", "asks saslauthd; use ldapauth or crypteq with a lookup here"},
};
constexpr ElsewhereRow kVariableNames[] = {
  {"address_data", kNeedsMessage},
  {"address_file", kNeedsMessage},
  {"address_pipe", kNeedsMessage},
  {"bmi_verdicts", kNeedsMessage},
  {"bounce_recipient", kNeedsMessage},
  {"bounce_return_size_limit", kNeedsMessage},
  {"caller_gid", kNeedsMessage},
  {"caller_uid", kNeedsMessage},
  {"callout_address", kLater},
  {"compile_date", kLater},
  {"compile_number", kLater},
  {"config_dir", kLater},
  {"config_file", kLater},
  {"dnslist_domain", kLater},
  {"dnslist_matched", kLater},
  {"dnslist_text", kLater},
  {"dnslist_value", kLater},
  {"exim_gid", kLater},
  {"exim_path", kLater},
  {"exim_uid", kLater},
  {"exim_version", kLater},
  {"found_extension", kNeedsMessage},
  {"home", kNeedsMessage},
  {"host_lookup_deferred", kLater},
  {"host_lookup_failed", kLater},
  {"initial_cwd", kNeedsMessage},
  {"inode", kNeedsMessage},
  {"load_average", kNeedsMessage},
  {"local_part_prefix", kLater},
  {"local_part_suffix", kLater},
  {"local_user_gid", kNeedsMessage},
  {"local_user_uid", kNeedsMessage},
  {"localhost_number", kNeedsMessage},
  {"log_inodes", kNeedsMessage},
  {"log_space", kNeedsMessage},
  {"lookup_dnssec_authenticated", kLater},
  {"mailstore_basename", kNeedsMessage},
  {"malware_name", kNeedsMessage},
  {"message_age", kNeedsMessage},
  {"mime_anomaly_level", kNeedsMessage},
  {"mime_anomaly_text", kNeedsMessage},
  {"mime_content_type", kNeedsMessage},
  {"n0", kNeedsMessage},
  {"n1", kNeedsMessage},
  {"n2", kNeedsMessage},
  {"n3", kNeedsMessage},
  {"n4", kNeedsMessage},
  {"n5", kNeedsMessage},
  {"n6", kNeedsMessage},
  {"n7", kNeedsMessage},
  {"n8", kNeedsMessage},
  {"n9", kNeedsMessage},
  {"original_domain", kNeedsMessage},
  {"original_local_part", kNeedsMessage},
  {"originator_gid", kNeedsMessage},
  {"originator_uid", kNeedsMessage},
  {"parent_domain", kNeedsMessage},
  {"parent_local_part", kNeedsMessage},
  {"pipe_addresses", kNeedsMessage},
  {"prdr_requested", kNeedsMessage},
  {"prvscheck_address", kNeedsMessage},
  {"prvscheck_keynum", kNeedsMessage},
  {"prvscheck_result", kNeedsMessage},
  {"qualify_domain", kLater},
  {"qualify_recipient", kLater},
  {"queue_name", kNeedsMessage},
  {"queue_size", kNeedsMessage},
  {"r_", kNeedsMessage},
  {"rcvhost", kLater},
  {"recipient_verify_failure", kNeedsMessage},
  {"regex_match_string", kNeedsMessage},
  {"router_name", kNeedsMessage},
  {"runrc", kLater},
  {"self_hostname", kLater},
  {"sender_helo_dnssec", kLater},
  {"sender_helo_verified", kLater},
  {"sender_host_dnssec", kLater},
  {"sender_ident", kLater},
  {"sender_rcvhost", kLater},
  {"sender_verify_failure", kLater},
  {"sending_ip_address", kLater},
  {"sending_port", kLater},
  {"smtp_count_at_connection_start", kLater},
  {"spam_bar", kNeedsMessage},
  {"spam_report", kNeedsMessage},
  {"spam_score", kNeedsMessage},
  {"spool_directory", kLater},
  {"spool_inodes", kNeedsMessage},
  {"spool_space", kNeedsMessage},
  {"srs_recipient", kNeedsMessage},
  {"thisaddress", kNeedsMessage},
  {"transport_name", kNeedsMessage},
  {"version_number", kLater},
  {"warn_message_delay", kLater},
  {"warnmsg_delay", kLater},
  {"warnmsg_recipients", kLater},
};
// clang-format on
static_assert(SortedAndUnique(kItemNames) && SortedAndUnique(kConditionNames) &&
                  SortedAndUnique(kVariableNames),
              "keep the names in order");

}  // namespace

const ElsewhereRow* FindElsewhere(std::string_view table, std::string_view name) {
  if (table == "item") return FindRow<ElsewhereRow>(kItemNames, name);
  if (table == "condition") return FindRow<ElsewhereRow>(kConditionNames, name);
  return FindRow<ElsewhereRow>(kVariableNames, name);
}

}  // namespace signet::expand
