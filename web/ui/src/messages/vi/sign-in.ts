import type { Catalog } from "../../i18n.ts";
import type en from "../en/sign-in.ts";

const vi: Catalog<typeof en> = {
  title: "Đăng nhập",
  username: "Tên đăng nhập",
  password: "Mật khẩu",
  submit: "Đăng nhập",
  wrong: "Tên đăng nhập hoặc mật khẩu không đúng.",
  busy: "Hiện có nhiều người đăng nhập. Hệ thống tự thử lại.",
  slow_down: { other: "Thử quá nhiều lần. Hãy chờ {n} giây." },
};
export default vi;
