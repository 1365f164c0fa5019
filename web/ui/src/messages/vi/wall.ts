import type { Catalog } from "../../i18n.ts";
import type en from "../en/wall.ts";

const vi: Catalog<typeof en> = {
  title: "Bảng treo tường",
  calls_ringing: { other: "cuộc gọi đang đổ chuông" },
  waiting: { other: "sự việc đang chờ đội" },
  open: { other: "đang mở" },
  free: { other: "đội rảnh" },
  no_teams: "Không có đội nào trong ca.",
  nobody_has_it: "Chưa ai xử lý",
  claimed: "Một đội báo đang ở đó",
  age: "Đã mở",
};
export default vi;
