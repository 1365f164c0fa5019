import type { Catalog } from "../../i18n.ts";
import type en from "../en/board.ts";

const vi: Catalog<typeof en> = {
  title: "Bảng điều phối",
  incidents_open: { other: "{n} vụ việc đang mở" },
  teams_shown: { other: "{n} đội" },
};
export default vi;
