import type { Catalog } from "../../i18n.ts";
import type en from "../en/outages.ts";

const vi: Catalog<typeof en> = {
  clock_off: "Đồng hồ của nút này sai nên nút không nhận gì. Hãy gửi lại.",
  cut_off: "Nút này không nhận được gì từ cơ sở dữ liệu. Những gì bạn thấy có thể đã cũ.",
  database_at_limit: "Cơ sở dữ liệu đã chạm một giới hạn. Chưa có gì thay đổi; hãy gửi lại.",
  database_busy: "Mọi kết nối tới cơ sở dữ liệu đều đang bận. Chưa có gì thay đổi; hãy gửi lại.",
  database_connection_lost: "Mất kết nối với cơ sở dữ liệu. Hãy gửi lại.",
  database_contended: "Cơ sở dữ liệu đang bị tranh chấp. Chưa có gì thay đổi; hãy gửi lại.",
  database_damaged: "Cơ sở dữ liệu không đọc hoặc ghi được tệp của mình. Chưa có gì thay đổi.",
  database_full: "Ổ đĩa của cơ sở dữ liệu đã đầy. Chưa có gì thay đổi; quản trị viên phải giải phóng chỗ.",
  database_locked: "Có người đang giữ khóa trong cơ sở dữ liệu. Chưa có gì thay đổi; hãy gửi lại.",
  database_out_of_memory: "Cơ sở dữ liệu hết bộ nhớ. Chưa có gì thay đổi; hãy gửi lại.",
  database_read_only: "Cơ sở dữ liệu chỉ cho đọc: không tìm thấy máy chủ chính. Chưa có gì thay đổi.",
  database_refused: "Cơ sở dữ liệu từ chối dịch vụ đăng nhập. Chưa có gì thay đổi.",
  database_silent: "Cơ sở dữ liệu không trả lời. Hãy gửi lại.",
  database_slow: "Cơ sở dữ liệu mất quá nhiều thời gian. Chưa có gì thay đổi; hãy gửi lại.",
  database_starting: "Cơ sở dữ liệu đang khởi động hoặc đang dừng. Hãy gửi lại.",
  database_stopping: "Cơ sở dữ liệu đã ngắt kết nối. Hãy gửi lại.",
  database_too_many_connections: "Cơ sở dữ liệu không nhận thêm kết nối. Chưa có gì thay đổi.",
  database_unreachable: "Không kết nối được máy chủ cơ sở dữ liệu nào. Hãy gửi lại.",
  schema_unusable: "Cơ sở dữ liệu chưa sẵn sàng cho phiên bản này. Chưa có gì thay đổi.",
};
export default vi;
