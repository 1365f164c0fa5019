import type { Catalog } from "../../i18n.ts";
import type en from "../en/account.ts";

const vi: Catalog<typeof en> = {
  title: "Tài khoản của {name}",
  signed_in: "Nơi quý vị đang đăng nhập",
  signed_in_why: "Hãy kết thúc phiên không quen, hoặc thiết bị không còn giữ. Phiên đó bị đăng xuất trong vài giây.",
  here: "Trang này",
  end: "Đăng xuất phiên này",
  end_others: { other: "Đăng xuất {n} phiên khác" },
  since: "Đăng nhập {began}, dùng lần cuối {seen}",
  purpose_cookie: "Một trình duyệt",
  purpose_bearer: "Một thiết bị",
  purpose_integration: "Mã của một hệ thống",
  alarms: "Báo động",
  alarms_why: "Nơi gửi thư báo động cho bạn khi bạn không ở trước màn hình. Thư chỉ nói có việc cần bạn, không có gì riêng tư.",
  alarms_none: "Dịch vụ này không gửi được thư: người vận hành chưa đặt máy chủ.",
  mail: "Địa chỉ thư điện tử",
  mail_keep: "Lưu địa chỉ",
  mail_test: "Gửi thư thử",
  mail_sent: "Thư thử đang được gửi. Hãy nhập mã trong thư.",
  mail_code: "Mã của thư thử",
  mail_enter: "Đã tới",
  mail_works: "Đã thử: báo động tới được bạn ở đó.",
  mail_untried: "Chưa thử: hãy gửi thư thử.",
  mail_failed: "Không gửi tới được từ {since}.",
  password: "Mật khẩu",
  password_why:
    "Ít nhất 12 ký tự, và không phải mật khẩu nhiều người dùng: bốn từ không liên quan nhau là tốt. Mọi nơi khác sẽ bị đăng xuất.",
  old: "Mật khẩu hiện tại",
  new: "Mật khẩu mới",
  set_password: "Đổi mật khẩu",
  password_done: "Đã đổi mật khẩu.",
};
export default vi;
