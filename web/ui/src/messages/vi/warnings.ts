import type { Warned } from "../es/warnings.ts";

const vi: Warned = {
  call_open: "Vẫn còn người gọi trên đường dây.",
  contradicts_end: "Chuyến đi đã kết thúc mà không ai đến nơi; nay lại ghi là có đến.",
  crew_assumed: "Không biết ca nào lúc đó: coi như những người hiện trong đội đã đi.",
  crew_no_longer_valid: "Một đội đang đi không còn đủ điều kiện cho vụ này như đang biết.",
  destination_missing: "Chưa ghi ai tiếp nhận người đó.",
  encounter_missing: "Chưa ghi lần gặp kết thúc thế nào.",
  excluded_setting: "Nơi loại này không có quyền lợi Medi-Cal: chuyến đi không được thanh toán và không tính vào thời gian ứng phó.",
  follow_up_by_hand: "Cần có người theo dõi tiếp.",
  hold_missing: "Chưa ghi loại lệnh giữ.",
  location_unknown: "Chưa rõ địa điểm: dùng loại của quận và không tính được thời gian đi.",
  newer_version: "Vụ việc đã thay đổi; hãy đọc lại.",
  obligation_moved: "Một việc phải làm nay có hạn khác.",
  on_scene_missing: "Hãy cho biết đội đến lúc nào; thời hạn vẫn chạy.",
  plan_missing: "Chưa ghi kế hoạch an toàn hoặc lý do không có.",
  reason_unusual: "Lý do này hiếm gặp ở giai đoạn này.",
  settled: "Vụ việc đã xong.",
  team_out: "Không cử đội được: hãy đặt là không sẵn sàng.",
  time_not_believed: "Giờ được cho không thể đúng, như khi đồng hồ điện thoại sai: tính là lúc này.",
  transport_missing: "Chưa ghi cách đưa người đi.",
  danger_contradicts: "Một mối nguy đã ghi trái với câu trả lời “không”: mối nguy được giữ. Nếu đã hết, hãy bỏ mối nguy và trả lời “không” cùng lúc.",
  hazard_screened: "Mối nguy vẫn còn: phần sàng lọc trả lời “có”. Nếu đã hết, hãy trả lời “không”.",
  unseen_kept: "Điều người khác thêm vào vẫn được giữ; hãy bỏ từng điều theo tên.",
  partner_not_told: "Thông tin nguy hiểm đã đổi: hãy báo cho đối tác đã được gọi.",
  slots_joined: "Sự việc kia cần thêm đội: đang tìm ở đây.",
};
export default vi;
