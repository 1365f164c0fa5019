import type { Catalog } from "../../i18n.ts";
import type en from "../en/on-call.ts";

const vi: Catalog<typeof en> = {
  title: "Trực sẵn",
  callers: "Người gọi đang chờ",
  hint: "Bạn được gọi khi không ai ở bàn điều phối trả lời. Hãy nhận xử lý việc bạn lo: khi bạn rời, nó lại báo cho người khác.",
  sound: "Âm thanh",
  mail_none: "Chưa đặt địa chỉ để báo động tới bạn khi rời trang này.",
  mail_untried: "Địa chỉ của bạn chưa được thử: báo động có thể không tới bạn khi rời trang này.",
  mail_set: "Đặt",
  waiting: { other: "{n} sự việc cần người" },
  others: { other: "Còn {n} sự việc đang mở" },
  calm: "Hiện không có gì chờ ai.",
  story: "Ở đâu, ai và việc gì",
  owner: "Phụ trách: {who}",
  write: "Ghi chú",
  wrote: "Ghi lại",
  told: "Đã ghi.",
};
export default vi;
