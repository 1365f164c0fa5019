import type { Catalog } from "../../i18n.ts";
import type en from "../en/follow-up.ts";

const vi: Catalog<typeof en> = {
  title: "Theo dõi sau",
  none: "Hiện không còn việc nào phải làm.",
  mine: "Của quý vị ({n})",
  free: "Chưa ai nhận ({n})",
  others: "Của đồng nghiệp ({n})",
  tries: { other: "{n} lần thử" },
  last_try: "lần cuối {time}",
  take: "Nhận việc này",
  no_incident: "Không thuộc vụ việc nào.",
  settle: "Kết quả",
  about: "Vụ việc {number}",
  ended: "Kết thúc ra sao",
  not_recorded: "Chưa ghi",
  no_records: "Chưa ghi gì về người này.",
  note: "Ghi chú",
  add_note: "Thêm ghi chú",
};
export default vi;
