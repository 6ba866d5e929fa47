// A GET with a time limit, by Boost.Beast; its exceptions end here.
#include "http_get.h"

#include <fmt/format.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <chrono>

namespace cli {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;

constexpr auto kTimeLimit = std::chrono::seconds(10);
constexpr size_t kMostBytes = size_t{64} << 20;

// Runs what was begun until it ends; the stream's time limit ends it at the latest.
void finish(asio::io_context& context, const boost::system::error_code& result) {
  context.restart();
  context.run();
  if (result) throw boost::system::system_error(result);
}

std::string get(const Address& address, const std::string& target) {
  asio::io_context context;
  boost::system::error_code result;
  const auto done = [&](const boost::system::error_code& ended, auto&&...) { result = ended; };
  asio::ip::tcp::resolver resolver(context);
  const auto places = resolver.resolve(address.host, std::to_string(address.port));
  beast::tcp_stream stream(context);
  stream.expires_after(kTimeLimit);
  stream.async_connect(places, done);
  finish(context, result);
  http::request<http::empty_body> request{http::verb::get, target, 11};
  request.set(http::field::host, fmt::format("{}:{}", address.host, address.port));
  if (!address.api_key.empty()) request.set(http::field::authorization, "Bearer " + address.api_key);
  http::async_write(stream, request, done);
  finish(context, result);
  beast::flat_buffer buffer;
  http::response_parser<http::string_body> response;
  response.body_limit(kMostBytes);
  http::async_read(stream, buffer, response, done);
  finish(context, result);
  if (response.get().result() != http::status::ok) {
    throw std::runtime_error(
        fmt::format("{} answered {}: {}", target, response.get().result_int(), response.get().body()));
  }
  return response.get().body();
}

}  // namespace

hearth::api::Answer<std::string> http_get(const Address& address, const std::string& target) {
  try {
    return {get(address, target), ""};
  } catch (const std::exception& failure) {
    return {std::nullopt, fmt::format("http://{}:{}: {}", address.host, address.port, failure.what())};
  }
}

}  // namespace cli
