// A device whose downloads have arrived when they have been asked for: a gradient is at home when
// it has been pushed, so which updates begin early follows from the calls alone.
//
// Takes the real device over; everything else is passed on.
#pragma once

#include <ballast/device.hpp>
#include <memory>

namespace ballast::faults {

class prompt_device final : public device {
 public:
  explicit prompt_device(std::unique_ptr<device> real)
      : real_(std::move(real)), download_(real_->download()) {}

  std::string_view name() const override { return real_->name(); }
  bytes capacity() const override { return real_->capacity(); }
  bytes allocated() const override { return real_->allocated(); }
  result<std::span<std::byte>> allocate(bytes size) override { return real_->allocate(size); }
  void release(std::span<std::byte> memory) override { real_->release(memory); }
  link& upload() override { return real_->upload(); }
  link& download() override { return download_; }
  update_backend& updates() override { return real_->updates(); }
  bool host_addressable() const override { return real_->host_addressable(); }
  status order_after(stream_ref stream, const ticket& hop) override {
    return real_->order_after(stream, hop);
  }
  status order_links_after(stream_ref stream) override { return real_->order_links_after(stream); }
  status fill_zero(std::span<std::byte> memory, stream_ref stream) override {
    return real_->fill_zero(memory, stream);
  }
  status copy(std::span<std::byte> to, std::span<const std::byte> from,
              stream_ref stream) override {
    return real_->copy(to, from, stream);
  }

 private:
  class prompt_link final : public link {
   public:
    explicit prompt_link(link& real) : real_(real) {}

    std::string_view name() const override { return real_.name(); }
    link_counters counters() const override { return real_.counters(); }
    ticket submit(const transfer& hop) override {
      ticket arrived = real_.submit(hop);
      (void)arrived.wait();  // the ticket says what it came to
      return arrived;
    }

   private:
    link& real_;
  };

  std::unique_ptr<device> real_;
  prompt_link download_;
};

}  // namespace ballast::faults
